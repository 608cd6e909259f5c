#include "worker/machine/blas_kernel.h"

#include <gtest/gtest.h>

namespace espalier {
namespace {

TEST(BlasKernel, OlderInstructionsAreSlower) {
  EXPECT_TRUE(is_slower_blas_kernel("Prescott", "SkylakeX"));
  EXPECT_TRUE(is_slower_blas_kernel("Haswell", "SkylakeX"));
  EXPECT_TRUE(is_slower_blas_kernel("Nehalem", "Haswell"));
  EXPECT_FALSE(is_slower_blas_kernel("Zen", "Haswell"));
  EXPECT_FALSE(is_slower_blas_kernel("SkylakeX", "Haswell"));
}

TEST(BlasKernel, WhatIsUnknownIsLeftAlone) {
  EXPECT_FALSE(is_slower_blas_kernel("SapphireRapids", "SkylakeX"));
  EXPECT_FALSE(is_slower_blas_kernel("neoversev2", "SkylakeX"));
  EXPECT_FALSE(is_slower_blas_kernel("Prescott", ""));
}

}  // namespace
}  // namespace espalier
