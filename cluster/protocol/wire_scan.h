#pragma once

#include <cstdint>
#include <string_view>

namespace espalier {

// Limits of one frame's CBOR; nested lists count as values.
inline constexpr std::uint64_t kMostWireValues = std::uint64_t{1} << 20;
inline constexpr int kDeepestWire = 16;

/// Validates the bytes of one CBOR value before it is decoded, without allocating. The JSON library would recurse for
/// every level (of arrays, and of strings in pieces too) and allocate some 64 bytes for one.
/// Errors: ErrorKind::corrupt unless it is one whole value of at most kMostWireValues values, nested at most
/// kDeepestWire deep, in the forms that our encoder writes: arrays, texts and bytes of definite length, numbers, true,
/// false and null; no maps, no tags.
void scan_wire(std::string_view bytes);

}  // namespace espalier
