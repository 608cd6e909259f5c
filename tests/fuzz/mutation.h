#pragma once

#include <cstdint>
#include <string>

#include "tests/fuzz/target.h"

namespace espalier {

/// Input `number` of the run of `seed`: a pure function of the three, so that any one can be made again. The first are
/// the target's seeds and worst as they are; the others are one of them with one to eight mutations: flipped bits,
/// bytes put in, taken out, repeated or moved, pieces of other seeds, words of the dictionary, numbers at the edges of
/// their types, truncation. One in a thousand is repeated up to the target's largest size.
std::string fuzz_input(const FuzzTarget& target, std::uint64_t seed, std::uint64_t number);

}  // namespace espalier
