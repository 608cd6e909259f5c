#include "worker/torchscript/torch_message.h"

#include <string>

#include <gmock/gmock.h>

namespace espalier {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

constexpr const char* kFrames =
    "\nException raised from get_method at object.h:108 (most recent call first):\n"
    "frame #0: c10::Error::Error(c10::SourceLocation, std::string) + 0x9e (0x7ff8 in /lib/libc10.so)\n"
    "frame #1: _start + 0x21 (0x55f3 in espalier-worker)\n";

constexpr const char* kScripted =
    "The following operation failed in the TorchScript interpreter.\n"
    "Traceback of TorchScript, serialized code (most recent call last):\n"
    "  File \"code/__torch__.py\", line 14, in forward\n"
    "    _0 = (self.fc1).forward(x, )\n"
    "          ~~~~~~~~~~~~~~~~~ <--- HERE\n"
    "    return _0\n"
    "\n"
    "Traceback of TorchScript, original code (most recent call last):\n"
    "  File \"/home/me/net.py\", line 21, in forward\n"
    "    def forward(self, x):\n"
    "        return self.fc1(x)\n"
    "               ~~~~~~~~ <--- HERE\n"
    "  File \"/usr/lib/python3/dist-packages/torch/nn/modules/linear.py\", line 114, in forward\n"
    "    def forward(self, input: Tensor) -> Tensor:\n"
    "        return F.linear(input, self.weight, self.bias)\n"
    "               ~~~~~~~~ <--- HERE\n";

TEST(TorchMessage, FramesAreLeftOut) {
  EXPECT_EQ(torch_message(std::string("Method 'forward' is not defined.") + kFrames),
            "Method 'forward' is not defined.");
  EXPECT_EQ(torch_message(std::string("one\ntwo") + kFrames), "one\ntwo");
  EXPECT_EQ(torch_message(std::string(kFrames).substr(1)), "no reason was given");
  EXPECT_EQ(torch_message(" \n"), "no reason was given");
}

TEST(TorchMessage, OfATracebackTheUsersLineIsKept) {
  EXPECT_EQ(torch_message(std::string(kScripted) + "RuntimeError: mat1 and mat2 do not fit (2x7 and 8x16)\n"),
            "mat1 and mat2 do not fit (2x7 and 8x16) (net.py, line 21, in forward: return self.fc1(x))");
  EXPECT_EQ(torch_message(std::string(kScripted) + "builtins.ValueError: too few\nadd more: two\n"),
            "ValueError: too few\nadd more: two (net.py, line 21, in forward: return self.fc1(x))");
}

TEST(TorchMessage, OfATraceThePythonFrameIsKept) {
  EXPECT_EQ(torch_message("Traceback of TorchScript, serialized code (most recent call last):\n"
                          "  File \"code/__torch__.py\", line 12, in forward\n"
                          "    _0 = torch.view(x, [2, 2])\n"
                          "         ~~~~~~~~~~ <--- HERE\n"
                          "\nTraceback of TorchScript, original code (most recent call last):\n"
                          "/usr/lib/python3/dist-packages/torch/nn/modules/linear.py(114): forward\n"
                          "/home/me/gen.py(184): forward\n"
                          "/home/me/gen.py(9): save\n"
                          "RuntimeError: shape '[2, 2]' is invalid\n"),
            "shape '[2, 2]' is invalid (gen.py, line 184, in forward)");
}

TEST(TorchMessage, OfTheCompilerTheReasonComesFirst) {
  EXPECT_EQ(torch_message("\n ill formed octal specifier:\n"
                          "  File \"code/__torch__.py\", line 11\n"
                          "    x: Tensor) -> Tensor:\n"
                          "    a = getattr(self, \"schicht_\\0)\")\n"
                          "                      ~~~~~~~~~~~~~ <--- HERE\n"
                          "    return a\n"),
            "ill formed octal specifier (__torch__.py, line 11: a = getattr(self, \"schicht_\\0)\"))");
}

TEST(TorchMessage, IsBounded) {
  EXPECT_EQ(torch_message(std::string(5000, 'x')), std::string(600, 'x') + "...");
  EXPECT_THAT(torch_message(std::string(599, 'x') + "\xc3\xa4\xc3\xa4"), EndsWith("xxx..."));
  std::string lines;
  for (int i = 1; i <= 20; ++i) lines += "line " + std::to_string(i) + "\n";
  EXPECT_THAT(torch_message(lines), EndsWith("line 8\n..."));
}

}  // namespace
}  // namespace espalier
