#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace espalier {

/// Something that reads bytes of others, and what it promises about it.
struct FuzzTarget {
  std::string name;
  std::vector<std::string> seeds;       ///< inputs that are accepted; mutations begin with them
  std::vector<std::string> worst;       ///< large or deep on purpose: handed over as they are
  std::vector<std::string> dictionary;  ///< words that mean something to it
  std::vector<ErrorKind> refusals;      ///< the only kinds of Error that may leave it
  std::size_t held_per_byte = 64;       ///< memory that it may hold: so much for each byte of the input ...
  std::size_t held_besides = 1 << 20;   ///< ... and so much besides, bytes
  std::size_t largest = 1 << 20;        ///< bytes of an input; most are far smaller
  std::uint64_t short_run = 2000;       ///< inputs of the run that is part of the tests
  std::string command = {};             ///< that hands it COUNT inputs of a SEED; "": `fuzz_inputs NAME`
  /// Whether the input was accepted. Throws what the reader throws.
  std::function<bool(std::string_view input)> read;
};

/// Every one, in the order of their names.
std::vector<FuzzTarget> fuzz_targets();

}  // namespace espalier
