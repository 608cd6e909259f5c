#include "cluster/protocol/wire_scan.h"

#include <array>

#include "cluster/protocol/wire.h"

namespace espalier {
namespace {

// RFC 8949, section 3: the upper three bits of a value's first byte.
enum Major { natural, negative, bytes, text, array, map, tag, simple };

class Scan {
 public:
  explicit Scan(std::string_view rest) : rest_(rest) {}

  void run() {
    open_[0] = 1;  // the value itself
    for (int depth = 0; depth >= 0;) {
      if (open_[static_cast<std::size_t>(depth)]-- == 0) {
        --depth;
        continue;
      }
      const std::uint64_t elements = next();
      if (elements == 0) continue;
      if (depth == kDeepestWire) refuse_message("it is nested too deeply");
      open_[static_cast<std::size_t>(++depth)] = elements;
    }
    if (!rest_.empty()) refuse_message("it goes on after its end");
  }

 private:
  /// Passes one value, and returns how many elements of it follow.
  std::uint64_t next() {
    if (++values_ > kMostWireValues) refuse_message("it holds too many values");
    const auto first = static_cast<unsigned char>(take(1)[0]);
    const unsigned low = first & 31U;
    if (low > 27) refuse_message("it is not well-formed CBOR, or of no length given in advance");
    const std::uint64_t argument = low < 24 ? low : big_endian(take(std::size_t{1} << (low - 24)));
    switch (first >> 5U) {
      case Major::bytes:
      case Major::text:
        take(argument);
        return 0;
      case Major::array:
        if (argument > rest_.size()) refuse_message("it ends within a list");
        return argument;
      case Major::map:
      case Major::tag:
        refuse_message("it holds what no message has");
      default:
        return 0;  // a number, or one of the few simple values, of which the decoder knows its own
    }
  }

  std::string_view take(std::uint64_t count) {
    if (count > rest_.size()) refuse_message("it ends within a value");
    const std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }

  static std::uint64_t big_endian(std::string_view digits) {
    std::uint64_t number = 0;
    for (const char digit : digits) number = number << 8U | static_cast<unsigned char>(digit);
    return number;
  }

  std::string_view rest_;
  std::uint64_t values_ = 0;
  std::array<std::uint64_t, kDeepestWire + 1> open_{};  ///< elements that are still to come, of each level
};

}  // namespace

void scan_wire(std::string_view bytes) {
  Scan(bytes).run();
}

}  // namespace espalier
