#include "base/random.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <numeric>
#include <string>

#include "base/sha256.h"

namespace espalier {

RandomStream::RandomStream(std::uint64_t seed, std::string_view name, std::uint64_t index) {
  const Digest digest = sha256(std::to_string(seed) + "/" + std::string(name) + "/" + std::to_string(index));
  for (std::size_t word = 0; word < state_.size(); ++word) {
    state_[word] = 0;
    for (std::size_t byte = 0; byte < 8; ++byte) state_[word] = state_[word] << 8 | digest[8 * word + byte];
  }
}

std::uint64_t RandomStream::next_u64() {
  const std::uint64_t result = std::rotl(state_[0] + state_[3], 23) + state_[0];
  const std::uint64_t shifted = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= shifted;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

double RandomStream::uniform() {
  return static_cast<double>(next_u64() >> 11) * 0x1.0p-53;
}

double RandomStream::normal() {
  if (has_spare_) {
    has_spare_ = false;
    return spare_normal_;
  }
  while (true) {
    const double x = uniform(-1, 1);
    const double y = uniform(-1, 1);
    const double squared = x * x + y * y;
    if (squared >= 1 || squared == 0) continue;
    const double scale = std::sqrt(-2 * std::log(squared) / squared);
    spare_normal_ = y * scale;
    has_spare_ = true;
    return x * scale;
  }
}

std::uint64_t RandomStream::below(std::uint64_t bound) {
  __extension__ using Wide = unsigned __int128;
  Wide product = static_cast<Wide>(next_u64()) * bound;
  if (static_cast<std::uint64_t>(product) < bound) {
    const std::uint64_t threshold = (0 - bound) % bound;
    while (static_cast<std::uint64_t>(product) < threshold) product = static_cast<Wide>(next_u64()) * bound;
  }
  return static_cast<std::uint64_t>(product >> 64);
}

std::vector<std::int64_t> RandomStream::permutation(std::int64_t count) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(count));
  std::iota(order.begin(), order.end(), std::int64_t{0});
  shuffle(order);
  return order;
}

}  // namespace espalier
