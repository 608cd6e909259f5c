// CIFAR-10's six files of 30,730,000 bytes. The input is the beginning of the first; the rest is zeros, which are
// records too, but for one byte. Inputs that begin with an odd byte stand as they are, of the wrong size.

#include <filesystem>
#include <fstream>
#include <memory>

#include "experiments/datasets/dataset.h"
#include "tests/fuzz/scratch_file.h"
#include "tests/fuzz/targets/targets.h"

namespace espalier {

FuzzTarget cifar10_target() {
  constexpr std::uintmax_t kFileBytes = 30'730'000;
  FuzzTarget target;
  target.name = "cifar10";
  target.seeds = {std::string(3073, '\0'), std::string("\x02", 1) + std::string(4000, '\0')};
  target.dictionary = {"\x09", "\x0a", "\xff"};
  target.refusals = {ErrorKind::invalid_input};
  target.held_besides = 7 * kFileBytes + (1 << 20);  // all of them in memory, one more while it is read, and labels
  target.short_run = 12;                 // a whole set takes half a second
  const auto file = std::make_shared<ScratchFile>("data_batch_1.bin");  // shared by the copies of the target
  for (const char* name :
       {"data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin", "test_batch.bin"}) {
    std::ofstream(file->folder() / name) << '\x01';  // a record of another class: examples of one are refused
    std::filesystem::resize_file(file->folder() / name, kFileBytes);
  }
  target.read = [file](std::string_view bytes) {
    const bool whole = bytes.empty() || bytes[0] % 2 == 0;
    file->write(bytes);
    if (whole) std::filesystem::resize_file(file->path(), kFileBytes);
    DatasetRequest request;
    request.name = "cifar10";
    return resolve_dataset(request, file->folder()).train > 0;
  };
  return target;
}

}  // namespace espalier
