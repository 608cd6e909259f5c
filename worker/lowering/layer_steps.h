#pragma once

#include "worker/lowering/call_lowering.h"

namespace espalier {

/// x W^T + b over the last dimension; b may be computed, or kNoValue.
Lowered linear(CallLowering& call, const Lowered& x, ValueIndex weight, ValueIndex bias);

}  // namespace espalier
