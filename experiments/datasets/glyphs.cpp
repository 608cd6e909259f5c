#include "base/error.h"
#include "experiments/datasets/glyph.h"
#include "experiments/datasets/source.h"

namespace espalier {
namespace {

constexpr std::int64_t kPixels = kGlyphSide * kGlyphSide;
constexpr Supply kSupply{.most_train = 1'000'000,
                         .most_test = 1'000'000,
                         .default_train = 20'000,
                         .default_test = 4'000,
                         .validation_share = 10};

/// Names all that the bytes depend on.
std::string content_of(const DatasetSpec& spec) {
  return "glyphs:" + std::to_string(kGlyphsVersion) + ":seed=" + std::to_string(spec.generator_seed) +
         ":train=" + std::to_string(spec.train) + ":validation=" + std::to_string(spec.validation) +
         ":test=" + std::to_string(spec.test);
}

Examples draw(std::uint64_t seed, std::uint64_t first, std::int64_t count) {
  Examples images;
  images.count = count;
  images.pixels.resize(static_cast<std::size_t>(count * kPixels));
  images.labels.resize(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < images.labels.size(); ++i) {
    images.labels[i] = draw_glyph(seed, first + i, GlyphPixels(images.pixels.data() + i * kPixels, kPixels));
  }
  return images;
}

DatasetSpec resolve_glyphs(const DatasetRequest& request, const DataFolder&) {
  DatasetSpec spec;
  spec.name = "glyphs";
  spec.shape = {1, kGlyphSide, kGlyphSide};
  spec.classes = kGlyphClasses;
  spec.generator_seed = request.generator_seed;
  choose_split(spec, request, kSupply);
  spec.content = content_of(spec);
  return spec;
}

Dataset load_glyphs(const DatasetSpec& spec, const std::string&, const DataFolder&) {
  if (spec.content != content_of(spec)) {
    throw Error(ErrorKind::corrupt, "glyphs: the sweep was made with " + spec.content + ", this program draws " +
                                        content_of(spec) + "; use the same version of espalier and its worker");
  }
  return split_examples(spec, draw(spec.generator_seed, 0, spec.train + spec.validation),
                        draw(spec.generator_seed, kFirstTestGlyph, spec.test));
}

DatasetPresence glyphs_presence(const DataFolder&) {
  return {true, "generated"};
}

}  // namespace

DatasetSource dataset_glyphs() {
  return {resolve_glyphs, load_glyphs, glyphs_presence};
}

}  // namespace espalier
