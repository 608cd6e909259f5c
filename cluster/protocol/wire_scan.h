#pragma once

#include <cstdint>
#include <string_view>

namespace espalier {

// Of one frame's CBOR, nested lists counted as the values they are.
inline constexpr std::uint64_t kMostWireValues = std::uint64_t{1} << 20;
inline constexpr int kDeepestWire = 16;

/// Walks over the bytes of one CBOR value before anything is built from them, holding nothing. The JSON library would
/// call itself for every level (of arrays, and of strings in pieces too) and build some 64 bytes from one.
/// Errors: ErrorKind::corrupt unless it is one whole value of at most kMostWireValues values, nested at most
/// kDeepestWire deep, in the forms that our encoder writes: arrays, texts and bytes of definite length, numbers, true,
/// false and null; no maps, no tags.
void scan_wire(std::string_view bytes);

}  // namespace espalier
