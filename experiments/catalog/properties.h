#pragma once

#include <type_traits>

namespace espalier {

// What is true of a variant, as a column of its table says it: properties joined by |, or plain.

/// An enum with a bit for each property; `plain` is none of them.
template <typename Property>
concept JoinedProperty = std::is_enum_v<Property> && requires {
  Property::plain;
};

template <JoinedProperty Property>
constexpr Property operator|(Property a, Property b) {
  return static_cast<Property>(static_cast<unsigned>(a) | static_cast<unsigned>(b));
}

/// Whether `properties` has one of those that `property` joins.
template <JoinedProperty Property>
constexpr bool has(Property properties, Property property) {
  return (static_cast<unsigned>(properties) & static_cast<unsigned>(property)) != 0;
}

}  // namespace espalier
