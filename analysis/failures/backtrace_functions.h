#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace espalier {

/// The functions of a backtrace, innermost first, `most` at most: demangled, without arguments, addresses, offsets and
/// paths, and without those that only end the process (signal handlers, abort, the C library, the ways of throwing). A
/// frame without a function's name has its library's. Reads what backtrace_symbols writes ("lib.so(_Zfoo+0x1)[0x2]"),
/// what c10 writes ("frame #3: foo(int) + 0x1 (0x2 in lib.so)") and what debuggers and sanitizers write ("#3 0x2 in
/// foo (a=1) at file.cpp:7"); lines that are none of these are skipped. Pure.
std::vector<std::string> backtrace_functions(std::string_view backtrace, std::size_t most = 5);

/// `at::native::sum` of `at::Tensor at::native::sum<float>(at::Tensor const&) const [clone .part.0]`.
std::string function_name(std::string_view demangled);

}  // namespace espalier
