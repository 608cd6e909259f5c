#include "analysis/failures/failure_signature.h"

#include <csignal>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "analysis/failures/backtrace_functions.h"
#include "analysis/failures/normalized_message.h"

namespace espalier {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

ChargedFailureRow failure(const std::string& cause, const std::string& message, const std::string& backtrace = "") {
  ChargedFailureRow row;
  row.cause = cause;
  row.message = message;
  row.backtrace = backtrace;
  return row;
}

/// What a worker's signal handler writes: itself, the way into it, and then what was interrupted.
const std::string kCrash =
    "/opt/espalier/bin/espalier-worker(_ZN8espalier12_GLOBAL__N_18on_crashEi+0x2f)[0x55d0c0ffee2f]\n"
    "/lib/x86_64-linux-gnu/libc.so.6(+0x3c050)[0x7f3a1c03c050]\n"
    "/usr/lib/x86_64-linux-gnu/libtorch_cpu.so(_ZN2at6native12_GLOBAL__N_110sum_kernelERNS_14TensorIteratorE+0x1a3)"
    "[0x7f3a2a1b31a3]\n"
    "/usr/lib/x86_64-linux-gnu/libtorch_cpu.so(+0x1f00dd)[0x7f3a2a1f00dd]\n"
    "/opt/espalier/bin/espalier-worker(_ZN8espalier9JobRunner7run_jobERKNS_3JobE+0x41)[0x55d0c0ffee41]\n"
    "/opt/espalier/bin/espalier-worker(main+0x10)[0x55d0c0ffee10]\n"
    "/lib/x86_64-linux-gnu/libc.so.6(__libc_start_main+0x85)[0x7f3a1c027205]\n";

TEST(BacktraceFunctions, of_a_crash_begin_with_what_was_interrupted) {
  EXPECT_THAT(backtrace_functions(kCrash), ElementsAre("at::native::(anonymous namespace)::sum_kernel",
                                                       "libtorch_cpu.so", "espalier::JobRunner::run_job"));
  EXPECT_THAT(backtrace_functions(kCrash, 1), ElementsAre("at::native::(anonymous namespace)::sum_kernel"));
}

TEST(BacktraceFunctions, of_an_abort_leave_out_the_ways_of_throwing) {
  EXPECT_THAT(backtrace_functions("worker(_ZN8espalier8on_crashEi+0x2f) [0x55d0]\n"
                                  "/lib/libc.so.6(+0x3c050) [0x7f30]\n"
                                  "/lib/libc.so.6(+0x8aeec) [0x7f31]\n"
                                  "/lib/libc.so.6(gsignal+0x12) [0x7f32]\n"
                                  "/lib/libc.so.6(abort+0xd3) [0x7f33]\n"
                                  "/lib/libstdc++.so.6(+0xa1a3d) [0x7f34]\n"
                                  "/lib/libstdc++.so.6(__cxa_throw+0x3f) [0x7f35]\n"
                                  "/lib/libc10.so(_ZN3c106detail14torchCheckFailEPKcS2_jRKSs+0x9a) [0x7f36]\n"
                                  "worker(_ZN8espalier5pruneEv+0x2f) [0x55d1]\n"),
              ElementsAre("espalier::prune"));
}

TEST(BacktraceFunctions, read_c10_and_debuggers_and_sanitizers) {
  EXPECT_THAT(
      backtrace_functions(
          "frame #0: c10::Error::Error(c10::SourceLocation, std::string) + 0x8e (0x7f1 in /lib/libc10.so)\n"
          "frame #1: at::native::addmm(at::Tensor const&, c10::Scalar const&) + 0x1b (0x7f2 in /lib/libtorch_cpu.so)\n"
          "frame #2: <unknown function> + 0x1c4 (0x7f3 in /lib/libtorch_cpu.so)\n"),
      ElementsAre("at::native::addmm", "libtorch_cpu.so"));
  EXPECT_THAT(backtrace_functions("#0  0x00007ffff7 in raise () from /lib/libc.so.6\n"
                                  "#1  <signal handler called>\n"
                                  "#2  0x0000555555 in espalier::score<float> (weights=...) at worker/score.cpp:12\n"
                                  "#3  espalier::run (argc=1, argv=0x7ffe) at worker/main.cpp:40\n"),
              ElementsAre("espalier::score", "espalier::run"));
  EXPECT_THAT(backtrace_functions("==12==ERROR: AddressSanitizer: heap-use-after-free on address 0x602\n"
                                  "    #0 0x4f1a in __interceptor_memcpy (/bin/worker+0x4f1a)\n"
                                  "    #1 0x51aa in espalier::apply(std::vector<int>&) /src/worker/apply.cpp:9:3\n"),
              ElementsAre("espalier::apply"));
}

TEST(BacktraceFunctions, survive_what_is_no_backtrace) {
  EXPECT_THAT(backtrace_functions(""), IsEmpty());
  EXPECT_THAT(backtrace_functions("no backtrace: out of memory\n\n[0x\n(]\n#\nframe #\n"), IsEmpty());
  EXPECT_THAT(backtrace_functions("a(_Z" + std::string(100000, 'N') + "+0x1)[0x2]"), testing::SizeIs(1));
  EXPECT_THAT(backtrace_functions(std::string(100000, '(') + "[0x2]"), testing::SizeIs(0));
}

TEST(FunctionName, has_neither_arguments_nor_return_type) {
  EXPECT_EQ(function_name("at::Tensor at::native::sum<float>(at::Tensor const&) const [clone .part.0]"),
            "at::native::sum");
  EXPECT_EQ(function_name("std::vector<int, std::allocator<int> >::operator[](unsigned long)"),
            "std::vector::operator[]");
  EXPECT_EQ(function_name("espalier::Mask::operator()(int) const"), "espalier::Mask::operator()");
  EXPECT_EQ(function_name("bool espalier::operator<<(std::ostream&, int)"), "espalier::operator<<");
  EXPECT_EQ(function_name("espalier::run(int)::{lambda(int)#1}::operator()(int) const"),
            "espalier::run::{lambda#1}::operator()");
  EXPECT_EQ(function_name("main"), "main");
  EXPECT_EQ(function_name(""), "");
  EXPECT_EQ(function_name("(((<<<"), "");
}

TEST(NormalizedMessage, keeps_what_is_the_same_from_case_to_case) {
  EXPECT_EQ(normalized_message("score of layer fc1 is not a number"), "score of layer fc# is not a number");
  EXPECT_EQ(normalized_message("/work/store/artifacts/3f/3fa1c09b77d2.safetensors: cannot be read: No such file"),
            "<path>: cannot be read: No such file");
  EXPECT_EQ(normalized_message("stage 3fa1c09b77d2 of pid 31337 died at 0x7f3A, 12.5 % done (rank 2)"),
            "stage <hex> of pid # died at <hex>, # % done (rank #)");
  EXPECT_EQ(normalized_message("layer \"conv2d_7\" can't hold 'x'"), "layer <name> can't hold <name>");
  EXPECT_EQ(normalized_message("  two\n\nlines\tand \x1b[31mcolor "), "two lines and [#mcolor");
  EXPECT_EQ(normalized_message("pruning left nothing of fc1, fc2, fc3, and the sweep refuses that"),
            "pruning left nothing of fc#, and the sweep refuses that");
  EXPECT_EQ(normalized_message(", , a, a"), ", , a");
  EXPECT_EQ(normalized_message("loss went from 1e-3 to -4.5e+10"), "loss went from # to #");
}

TEST(NormalizedMessage, of_c10_ends_before_its_backtrace) {
  EXPECT_EQ(normalized_message("shape '[60, 784]' is invalid for input of size 46080\n"
                               "Exception raised from infer_size_impl at ../aten/src/ATen/InferSize.h:54 (most recent "
                               "call first):\nframe #0: c10::Error::Error + 0x8e (0x7f in libc10.so)\n"),
            "shape <name> is invalid for input of size #");
  EXPECT_EQ(
      normalized_message("[enforce fail at alloc_cpu.cpp:75] err == 0. DefaultCPUAllocator: can't allocate "
                         "memory: you tried to allocate 4096000000 bytes. Error code 12 (Cannot allocate memory)"),
      "[enforce fail at alloc_cpu.cpp:#] err == #. DefaultCPUAllocator: can't allocate memory: you tried to "
      "allocate # bytes. Error code # (Cannot allocate memory)");
}

TEST(NormalizedMessage, of_accelerators_does_not_tell_sizes_apart) {
  EXPECT_EQ(normalized_message("CUDA out of memory. Tried to allocate 2.00 GiB (GPU 0; 39.59 GiB total capacity)"),
            normalized_message("CUDA out of memory. Tried to allocate 512.00 MiB (GPU 3; 79.15 GiB total capacity)"));
}

TEST(FailureSignature, of_crashes_is_where_they_were) {
  ChargedFailureRow one = failure("signal", "rank 2 was killed by signal 11", kCrash);
  one.signal = SIGSEGV;
  EXPECT_EQ(failure_signature(one),
            "signal SEGV in at::native::(anonymous namespace)::sum_kernel < libtorch_cpu.so < "
            "espalier::JobRunner::run_job");
  ChargedFailureRow other = one;
  other.message = "rank 0 was killed by signal 11";
  other.backtrace.replace(other.backtrace.find("31a3"), 4, "99ff");
  EXPECT_EQ(failure_signature(one), failure_signature(other));
}

TEST(FailureSignature, without_a_backtrace_is_what_was_said) {
  EXPECT_EQ(failure_signature(failure("numeric", "score of layer fc1 is not a number")),
            failure_signature(failure("numeric", "score of layer fc2 is not a number")));
  EXPECT_NE(failure_signature(failure("numeric", "x")), failure_signature(failure("error", "x")));
  ChargedFailureRow killed = failure("oom_host", "rank 1 was killed by signal 9");
  killed.signal = SIGKILL;
  EXPECT_EQ(failure_signature(killed), "oom_host KILL: rank # was killed by signal #");
  ChargedFailureRow ended = failure("signal", "");
  ended.exit_code = 7;
  EXPECT_EQ(failure_signature(ended), "signal exit 7");
}

TEST(FailureSignature, is_bounded_and_does_not_cut_a_character) {
  const std::string signature =
      failure_signature(failure("error", "e " + std::string("\xc3\xa9") + std::string(1000, 'x') + "\xc3\xa9"));
  EXPECT_EQ(signature.size(), kLongestSignature);
  std::string wide;
  for (int i = 0; i < 1000; ++i) wide += "\xc3\xa9";
  EXPECT_EQ(failure_signature(failure("error", wide)).size(), kLongestSignature - 1);
}

}  // namespace
}  // namespace espalier
