#pragma once

#include <cstdint>
#include <span>

namespace espalier {

/// Raised when draw_glyph would draw another image than before; part of the dataset's content string.
inline constexpr int kGlyphsVersion = 1;
inline constexpr std::int64_t kGlyphSide = 28;
inline constexpr std::int64_t kGlyphClasses = 10;
/// Test examples are numbered from here, so that the same ones are drawn whatever the size of the training set.
inline constexpr std::uint64_t kFirstTestGlyph = std::uint64_t{1} << 32;

using GlyphPixels = std::span<std::uint8_t, kGlyphSide * kGlyphSide>;

/// Draws example `index` into `pixels` (row-major [28, 28], 0 paper .. 255 ink, noise on both) and returns the digit it
/// shows. A pure function of (seed, index): only operations that IEEE 754 defines to the last bit, and no function of
/// libm but sqrt, go into it, so that every machine draws the same bytes.
std::uint8_t draw_glyph(std::uint64_t seed, std::uint64_t index, GlyphPixels pixels);

}  // namespace espalier
