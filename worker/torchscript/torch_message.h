#pragma once

#include <string>
#include <string_view>

namespace espalier {

/// What an exception of LibTorch says, `text` being its what(), for people: without the C++ frames behind it and
/// without the interpreter's traceback. Of that it keeps the innermost line that is no library's: "mat1 and mat2 shapes
/// cannot be multiplied (2x7 and 8x16) (net.py, line 21, in forward: return self.fc(x))". What has several lines keeps
/// them, up to 8 lines or 600 bytes. Never empty. Pure.
std::string torch_message(std::string_view text);

}  // namespace espalier
