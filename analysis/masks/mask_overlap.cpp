#include "analysis/masks/mask_overlap.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <string_view>

#include "base/error.h"

namespace espalier {
namespace {

constexpr std::string_view kWeight = ".weight", kMask = ".mask";

PackedMask::Layer pack_layer(std::string parameter, std::string_view bytes) {
  PackedMask::Layer layer;
  layer.parameter = std::move(parameter);
  layer.weights = static_cast<std::int64_t>(bytes.size());
  layer.bits.resize((bytes.size() + 63) / 64);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const std::uint64_t bit = bytes[i] != 0 ? 1 : 0;
    layer.bits[i / 64] |= bit << (i % 64);
    layer.kept += static_cast<std::int64_t>(bit);
  }
  return layer;
}

}  // namespace

PackedMask pack_mask(const Safetensors& artifact) {
  PackedMask mask;
  for (const TensorBytes& tensor : artifact.tensors) {
    std::string_view name = tensor.name;
    if (tensor.type != TensorType::u8 || tensor.shape.size() < 2) continue;
    if (name.ends_with(kMask)) name.remove_suffix(kMask.size());
    if (name.ends_with(kWeight)) mask.layers.push_back(pack_layer(std::string(name), tensor.bytes));
  }
  if (mask.layers.empty()) throw Error(ErrorKind::corrupt, "an artifact that should hold masks has none");
  std::ranges::sort(mask.layers, {}, &PackedMask::Layer::parameter);
  return mask;
}

MaskOverlap compare_masks(const PackedMask& a, const PackedMask& b) {
  const auto same_layer = [](const PackedMask::Layer& x, const PackedMask::Layer& y) {
    return x.parameter == y.parameter && x.weights == y.weights;
  };
  if (!std::ranges::equal(a.layers, b.layers, same_layer))
    throw Error(ErrorKind::invalid_input, "masks of different networks have no overlap");
  MaskOverlap overlap;
  double chance_both = 0;
  for (std::size_t i = 0; i < a.layers.size(); ++i) {
    const PackedMask::Layer &x = a.layers[i], &y = b.layers[i];
    for (std::size_t word = 0; word < x.bits.size(); ++word)
      overlap.kept_both += std::popcount(x.bits[word] & y.bits[word]);
    overlap.kept_a += x.kept;
    overlap.kept_b += y.kept;
    if (x.weights > 0)
      chance_both += static_cast<double>(x.kept) * static_cast<double>(y.kept) / static_cast<double>(x.weights);
  }
  const auto either = static_cast<double>(overlap.kept_a + overlap.kept_b - overlap.kept_both);
  if (either == 0) return overlap;
  overlap.jaccard = static_cast<double>(overlap.kept_both) / either;
  overlap.chance = chance_both / (static_cast<double>(overlap.kept_a + overlap.kept_b) - chance_both);
  if (*overlap.chance < 1) overlap.corrected = (*overlap.jaccard - *overlap.chance) / (1 - *overlap.chance);
  return overlap;
}

}  // namespace espalier
