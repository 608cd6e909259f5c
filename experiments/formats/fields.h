#pragma once

#include <concepts>
#include <cstdint>
#include <type_traits>
#include <vector>

namespace espalier {

// A struct says its fields once, in a function found by argument-dependent lookup:
//
//   template <typename Visitor>
//   void visit_fields(Visitor& visit, Is<InitSpec> auto& spec) {
//     visit.field("model", spec.model);
//     visit.field("scheme", spec.scheme);
//   }
//
// in the order of canonical JSON, names sorted. Writing, reading and searching are visitors of it. A field may be a
// number, a flag, a text, a list or map of those, another such struct, or a list of structs.

/// The struct itself, const or not: a reader's visitor fills it, a writer's only reads it.
template <typename Type, typename Struct>
concept Is = std::same_as<std::remove_const_t<Type>, Struct>;

/// What a reader admits: of a count its value, of a list of counts each of them, of a list of structs its length.
struct FieldRange {
  std::int64_t least = 0, most = 1'000'000'000'000;
};

template <typename Value>
inline constexpr bool kIsList = false;
template <typename Item>
inline constexpr bool kIsList<std::vector<Item>> = true;

}  // namespace espalier
