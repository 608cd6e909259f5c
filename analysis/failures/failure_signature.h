#pragma once

#include <cstddef>
#include <string>

#include "db/rows/failure_row.h"

namespace espalier {

/// What failures of one origin have in common, and those of others have not: the cause, the signal that ended the
/// process, and the functions that it was in, innermost first ("signal SEGV in at::native::sum < at::sum"); or, without
/// a backtrace, the message without what differs from case to case ("numeric: score of layer fc# is not a number").
/// At most kLongestSignature bytes. Pure.
std::string failure_signature(const ChargedFailureRow& failure);

inline constexpr std::size_t kLongestSignature = 400;

}  // namespace espalier
