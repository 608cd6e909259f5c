#include "worker/torchscript/exports/script_literals.h"

#include <limits>

#include <gtest/gtest.h>

namespace espalier {
namespace {

TEST(ScriptLiterals, AreWhatPythonReads) {
  EXPECT_EQ(script_literal(std::int64_t{-3}), "-3");
  EXPECT_EQ(script_literal(std::vector<std::int64_t>{1, 2}), "[1, 2]");
  EXPECT_EQ(script_literal(std::vector<std::int64_t>{}), "[]");
  EXPECT_EQ(script_literal(true), "True");
  // Never an int, and nothing is rounded.
  EXPECT_EQ(script_literal(3.0), "3.");
  EXPECT_EQ(script_literal(1e-5), "1e-05");
  EXPECT_EQ(std::stod(script_literal(1.0 / 3)), 1.0 / 3);
  EXPECT_EQ(script_literal(-std::numeric_limits<double>::infinity()), "float(\"-inf\")");
}

TEST(ScriptLiterals, NamesThatPythonHasNotAreAskedForByTheirText) {
  EXPECT_EQ(script_attribute("self", "conv1"), "self.conv1");
  EXPECT_EQ(script_attribute(script_attribute("self", "layer1"), "0"), "getattr(self.layer1, \"0\")");
  EXPECT_EQ(script_identifier("layer1.0/conv:2"), "layer1_0_conv_2");
  EXPECT_TRUE(is_python_keyword("class"));
  EXPECT_FALSE(is_python_keyword("classes") || is_python_keyword("las") || is_python_keyword("as assert"));
}

}  // namespace
}  // namespace espalier
