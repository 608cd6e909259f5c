#include "tests/fuzz/mutation.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

#include "base/random.h"

namespace espalier {
namespace {

constexpr std::array<std::uint64_t, 14> kEdges{0,
                                               1,
                                               0x7f,
                                               0x80,
                                               0xff,
                                               0x7fff,
                                               0xffff,
                                               0x7fffffff,
                                               0x80000000,
                                               0xffffffff,
                                               0x7fffffffffffffff,
                                               0x8000000000000000,
                                               0xfffffffffffffff0,
                                               0xffffffffffffffff};
constexpr std::array<std::string_view, 12> kEdgeTexts{
    "0",        "-1",         "2147483648", "4294967295", "9223372036854775807", "18446744073709551616",
    "1e999999", "-1e-999999", "nan",        ".inf",       "0x7fffffffffffffff",  "0.99999999999999999999"};
constexpr std::size_t kUsualSize = 16 << 10;

class Mutator {
 public:
  Mutator(const FuzzTarget& target, std::uint64_t seed, std::uint64_t number)
      : target_(target), random_(seed, "fuzz/" + target.name, number), bytes_(pick(target.seeds)) {}

  std::string mutate() {
    const std::uint64_t count = 1 + random_.below(8);
    for (std::uint64_t i = 0; i < count; ++i) once();
    if (random_.below(1024) == 0) repeat(target_.largest);
    if (bytes_.size() > target_.largest) bytes_.resize(target_.largest);
    return std::move(bytes_);
  }

 private:
  template <typename List>
  const typename List::value_type& pick(const List& list) {
    return list[random_.below(list.size())];
  }
  std::size_t place() { return random_.below(bytes_.size() + 1); }
  /// Of a piece; short ones are likelier.
  std::size_t length() { return 1 + random_.below(std::size_t{1} << random_.below(10)); }

  void once() {
    switch (random_.below(12)) {
      case 0:
      case 1:
        if (!bytes_.empty()) bytes_[random_.below(bytes_.size())] ^= static_cast<char>(1 << random_.below(8));
        return;
      case 2:
        if (!bytes_.empty()) bytes_[random_.below(bytes_.size())] = static_cast<char>(random_.below(256));
        return;
      case 3: {
        std::string fresh(1 + random_.below(8), '\0');
        for (char& byte : fresh) byte = static_cast<char>(random_.below(256));
        return put(fresh);
      }
      case 4:
        bytes_.erase(std::min(place(), bytes_.size()), length());
        return;
      case 5:
        return put(bytes_.substr(place(), length()));  // copied, or moved where another mutation takes it out
      case 6: {
        const std::string& other = pick(target_.seeds);
        return put(other.substr(random_.below(other.size() + 1), length()));
      }
      case 7:
        return put_number();
      case 8:
        return put(std::string(pick(kEdgeTexts)));
      case 9:
        if (random_.below(4) == 0) bytes_.resize(place());
        return;
      case 10:
        return repeat(kUsualSize);
      default:
        if (!target_.dictionary.empty()) put(pick(target_.dictionary));
    }
  }

  /// Between what is there, or over it.
  void put(const std::string& piece) {
    const std::size_t at = place();
    bytes_.replace(at, random_.below(2) == 0 ? piece.size() : 0, piece);
  }

  void put_number() {
    const std::uint64_t number = pick(kEdges) + random_.below(3) - 1;
    std::string raw(sizeof number, '\0');
    std::memcpy(raw.data(), &number, sizeof number);
    raw.resize(std::size_t{1} << random_.below(4));
    if (random_.below(2) == 0) std::reverse(raw.begin(), raw.end());
    put(raw);
  }

  void repeat(std::size_t most) {
    const std::string piece = !target_.dictionary.empty() && random_.below(2) == 0 ? pick(target_.dictionary)
                                                                                   : bytes_.substr(place(), length());
    if (piece.empty() || bytes_.size() >= most) return;
    const std::size_t room = (most - bytes_.size()) / piece.size();
    std::string pieces;
    for (std::size_t times = random_.below(room + 1); times > 0; --times) pieces += piece;
    bytes_.insert(place(), pieces);
  }

  const FuzzTarget& target_;
  RandomStream random_;
  std::string bytes_;
};

}  // namespace

std::string fuzz_input(const FuzzTarget& target, std::uint64_t seed, std::uint64_t number) {
  if (number < target.seeds.size()) return target.seeds[number];
  if (number - target.seeds.size() < target.worst.size()) return target.worst[number - target.seeds.size()];
  return Mutator(target, seed, number).mutate();
}

}  // namespace espalier
