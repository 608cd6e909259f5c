#include "worker/onnx/onnx_reshape.h"

#include <algorithm>
#include <optional>

namespace espalier {
namespace {

constexpr std::int64_t kMostReshaped = std::int64_t{1} << 40;

std::size_t batch_of(const Dims& dims) {
  return static_cast<std::size_t>(std::ranges::find_if(dims, &Dim::batch) - dims.begin());
}

/// Numbers of an example in the dimensions before one.
std::int64_t before(const Dims& dims, std::size_t end) {
  std::int64_t count = 1;
  for (std::size_t i = 0; i < end && i < dims.size(); ++i) count *= dims[i].size;
  return count;
}

std::int64_t checked_elements(const OnnxNode& node, const Dims& dims, std::size_t without) {
  std::int64_t count = 1;
  for (std::size_t i = 0; i < dims.size(); ++i) {
    if (i == without) continue;
    if (dims[i].size < 1 || count > kMostReshaped / dims[i].size) node.refuse("gives a shape of " + to_string(dims));
    count *= dims[i].size;
  }
  return count;
}

/// The first place at which as many numbers lie before it as before the batch of the input, and that is a multiple of
/// the file's examples; or, where that would make examples of the features, the place inside which they come to lie.
std::optional<std::size_t> place_of_batch(const Dims& from, const Dims& to, std::int64_t file_batch) {
  const std::int64_t wanted = before(from, batch_of(from));
  std::int64_t count = 1;
  for (std::size_t i = 0; i < to.size() && count <= wanted; ++i) {
    const bool features = i > 0 && i + 1 == to.size();
    if (count == wanted && to[i].size % file_batch == 0 && !features) return i;
    count *= to[i].size;
  }
  count = 1;
  for (std::size_t i = 0; i < to.size(); ++i) {
    count *= to[i].size;
    if (count % (wanted * file_batch) == 0 && to[i].size % file_batch == 0) return i;
  }
  return std::nullopt;
}

}  // namespace

bool same_order(const Dims& from, const Dims& to) {
  const std::size_t one = batch_of(from), other = batch_of(to);
  return one == from.size() || other == to.size() || before(from, one) == before(to, other);
}

Dims apart(const OnnxNode& node, const Dims& from, const Dims& to) {
  const std::size_t place = batch_of(to);
  const std::int64_t wanted = before(from, batch_of(from)), there = before(to, place);
  const std::int64_t outside = wanted / std::max<std::int64_t>(there, 1);
  if (wanted % there != 0 || to[place].size % outside != 0)
    node.refuse("gives " + to_string(from) + " the shape " + to_string(to) + ", in which the examples have no place");
  Dims result = to;
  result[place].size /= outside;
  result.insert(result.begin() + static_cast<std::ptrdiff_t>(place), Dim{outside});
  return result;
}

Dims reshaped_dims(const OnnxNode& node, const Dims& from) {
  Dims to = node.as_dims(1);
  const std::optional<Dims>& seen = node.seen(0);
  const Dims& shown = seen ? *seen : from;
  const bool keeps_zeros = node.attributes().integer("allowzero", 0) == 0;
  std::size_t open = to.size();
  for (std::size_t i = 0; i < to.size(); ++i) {
    if (to[i].size == 0 && keeps_zeros && i < shown.size()) to[i] = shown[i];
    if (to[i].size != -1) continue;
    if (open != to.size()) node.refuse("leaves two sizes open");
    open = i;
  }
  const bool has_batch = batch_of(from) < from.size();
  const bool marked = batch_of(to) < to.size();
  if (marked && !has_batch) node.refuse("makes examples of " + to_string(from));
  // The open size is what the others leave. Where none of them counts examples, it does in a file that leaves their
  // number free; in one made for so many, all are counted as the file has them.
  const std::int64_t file_batch = std::max<std::int64_t>(node.network().file_batch, 1);
  const bool filed = has_batch && !marked && !(open < to.size() && node.network().file_batch == 0);
  const std::int64_t all = checked_elements(node, from, from.size());
  if (filed && all > kMostReshaped / file_batch) node.refuse("has too many examples");
  const std::int64_t total = filed ? all * file_batch : all;
  if (open < to.size()) {
    const std::int64_t others = checked_elements(node, to, open);
    if (total % others != 0) node.refuse("gives " + to_string(from) + " the shape " + to_string(to));
    to[open] = {total / others, has_batch && !marked && !filed};
  }
  if (checked_elements(node, to, to.size()) != total)
    node.refuse("gives " + to_string(from) + " the shape " + to_string(to));
  if (!filed) return to;
  const std::optional<std::size_t> place = place_of_batch(from, to, file_batch);
  if (!place)
    node.refuse("gives " + to_string(from) + " the shape " + to_string(to) + ", in which the examples have no place");
  to[*place] = {to[*place].size / file_batch, true};
  return to;
}

}  // namespace espalier
