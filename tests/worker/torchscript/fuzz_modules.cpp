// Usage: fuzz_modules COUNT SEED [FIRST]. Hands COUNT damaged TorchScript archives to what reads modules. Every second
// one has its checksums put right, so that LibTorch's own parsers see the damage. The look at a module is a process of
// its own, because LibTorch may crash on such a file: so is this, and crashes are counted. What must not be is another
// exception than a refusal of the file.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <c10/util/Logging.h>
#include <zlib.h>

#include "base/error.h"
#include "base/files.h"
#include "tests/fuzz/driver.h"
#include "tests/fuzz/scratch_file.h"
#include "tests/worker/torchscript/script_module_file.h"
#include "worker/machine/out_of_memory.h"
#include "worker/torchscript/script_module.h"

namespace espalier {
namespace {

constexpr std::uint64_t kInputsOfAProcess = 20'000;
constexpr std::size_t kLargestSeed = 1 << 18;
constexpr rlim_t kMostMemory = rlim_t{4} << 30;  // a look has a limit, too: tensors are made as large as a file says

template <typename Number>
Number number_at(const std::string& archive, std::size_t place) {
  Number number{};
  if (place + sizeof number <= archive.size()) std::memcpy(&number, archive.data() + place, sizeof number);
  return number;
}

/// Of each entry in the archive's directory, as long as what it says is within the file.
void put_checksums_right(std::string& archive) {
  constexpr std::size_t kEntry = 46, kHeader = 30;
  for (std::size_t at = archive.find("PK\1\2"); at < archive.size() && at + kEntry <= archive.size();
       at = archive.find("PK\1\2", at + 4)) {
    const std::size_t size = number_at<std::uint32_t>(archive, at + 20);
    const std::size_t header = number_at<std::uint32_t>(archive, at + 42);
    const std::size_t begin = header + kHeader + number_at<std::uint16_t>(archive, header + 26) +
                              number_at<std::uint16_t>(archive, header + 28);
    if (begin + size > archive.size()) continue;
    const auto* bytes = reinterpret_cast<const Bytef*>(archive.data() + begin);
    const auto checksum = static_cast<std::uint32_t>(::crc32(0, bytes, static_cast<uInt>(size)));
    std::memcpy(archive.data() + at + 16, &checksum, sizeof checksum);
  }
}

bool read_module(std::string_view input) {
  static const ScratchFile file("fuzz.pt");
  std::string archive(input);
  if (archive.size() % 2 == 0) put_checksums_right(archive);
  file.write(archive);
  try {
    const ScriptModule module(file.path(), c10::kCPU);
    return !module.tensors().empty();
  } catch (const OutOfMemory&) {
    return false;
  }
}

FuzzTarget modules_target() {
  FuzzTarget target;
  target.name = "modules";
  target.command = "fuzz_modules";
  const ScratchFile file("seed.pt");
  const auto add = [&] { target.seeds.push_back(read_file(file.path(), kLargestSeed)); };
  write_rows_module(file.path(), "  return self.fc2.forward(torch.relu(self.fc1.forward(x)))\n");
  add();
  write_script_module(file.path());
  add();
  write_reparameterized_module(file.path(), Reparameterized::weight_norm, Reparameterized::no);
  add();
  target.dictionary = {"PK\1\2",
                       "PK\3\4",
                       "PK\5\6",
                       "__torch__.",
                       "Linear",
                       "Conv2d",
                       "weight",
                       "ctorch",
                       "(",
                       ")",
                       "t.",
                       "R.",
                       "Q",
                       "K",
                       "M",
                       "J\xff\xff\xff\x7f",
                       "\x80\2",
                       "ccollections\nOrderedDict\n",
                       "c__torch__\nNet\n",
                       "q\1",
                       "h\1",
                       "def ",
                       "  return ",
                       "self",
                       ":\n",
                       "Tensor",
                       "while True:\n"};
  target.refusals = {ErrorKind::invalid_input};
  target.held_besides = kMostMemory;
  target.read = read_module;
  return target;
}

struct Tally {
  std::uint64_t begun = 0, accepted = 0, findings = 0;
};

/// In a process of its own. `tally` is shared with it.
int run_some(FuzzTarget target, std::uint64_t seed, std::uint64_t first, std::uint64_t count, Tally& tally) {
  std::fflush(stdout);
  const pid_t child = ::fork();
  if (child == 0) {
    const rlimit memory{kMostMemory, kMostMemory};
    ::setrlimit(RLIMIT_AS, &memory);
    target.read = [&tally](std::string_view input) {
      ++tally.begun;
      const bool accepted = read_module(input);
      tally.accepted += accepted ? 1 : 0;
      return accepted;
    };
    const FuzzSummary summary = fuzz(target, seed, first, count);
    for (const FuzzFinding& finding : summary.findings)
      std::printf("%s\n  again: %s\n", finding.what.c_str(), replay_command(target, seed, finding.number).c_str());
    std::fflush(stdout);
    tally.findings += summary.findings.size();
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return status;
}

int run(std::uint64_t count, std::uint64_t seed, std::uint64_t first) {
  void* memory = ::mmap(nullptr, sizeof(Tally), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  Tally& tally = *new (memory) Tally;
  ::c10::SetStackTraceFetcher([] { return std::string(); });  // which would take five sixths of the time
  const FuzzTarget target = modules_target();
  std::uint64_t crashes = 0;
  while (tally.begun < count) {
    const std::uint64_t some = std::min(kInputsOfAProcess, count - tally.begun);
    if (run_some(target, seed, first + tally.begun, some, tally) != 0) ++crashes;
  }
  std::printf("modules: %llu inputs of seed %llu: %llu accepted, %llu findings, %llu crashes of LibTorch\n",
              static_cast<unsigned long long>(tally.begun), static_cast<unsigned long long>(seed),
              static_cast<unsigned long long>(tally.accepted), static_cast<unsigned long long>(tally.findings),
              static_cast<unsigned long long>(crashes));
  const bool tried_some = count == 1 || tally.accepted > 0;  // seeds that are refused would test nothing
  return tally.findings == 0 && tried_some ? 0 : 1;
}

}  // namespace
}  // namespace espalier

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  return espalier::run(std::stoull(argv[1]), std::stoull(argv[2]), argc > 3 ? std::stoull(argv[3]) : 0);
}
