#pragma once

#include <cstdint>

namespace CLI {
class Validator;
}

namespace espalier {

// What a number on a command line has to be, the same for every option of both programs. An option's own conversion
// takes more than a person means: NaN, which is in no range, hexadecimal and octal digits, -1 as 2^64 - 1.

/// Decimal digits, maybe after a minus, of a number from `low` to `high`.
CLI::Validator whole_number_option(std::int64_t low, std::int64_t high);

/// A decimal number, 0.5 or 5e-1, from `low` to `high`.
CLI::Validator number_option(double low, double high);

}  // namespace espalier
