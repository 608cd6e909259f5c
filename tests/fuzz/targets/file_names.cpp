// Names of files that others chose: as part of a path, as one of a dataset's files, and in a message.

#include <algorithm>

#include "base/utf8.h"
#include "cluster/protocol/file_name.h"
#include "experiments/datasets/foreign_file.h"
#include "experiments/datasets/idx_set.h"
#include "tests/fuzz/scratch_file.h"
#include "tests/fuzz/targets/targets.h"

namespace espalier {
namespace {

void expect(bool fine, const char* promise) {
  if (!fine) throw Error(ErrorKind::internal, promise);
}

void show(const std::string& name) {
  const std::string shown = printable(name);
  expect(utf8_prefix(shown) == shown.size(), "what is shown is no UTF-8");
  expect(std::ranges::none_of(shown, [](unsigned char c) { return (c < 0x20 && c != '\t') || c == 0x7f; }),
         "a control character is shown");
  expect(find_invisible(shown).name.empty(), "an invisible character is shown");
  expect(printable(shown) == shown, "what is shown is not shown as it is");
  expect(printable(quoted_text(name, 20)) == quoted_text(name, 20), "a quoted name is not printable");
}

bool place(const std::string& name) {
  const std::filesystem::path folder = "/store";
  try {
    const FileName file = dataset_file("content", name);
    check_file_name(file);
    const std::filesystem::path place = place_of(folder, file);
    const std::string inside = place.lexically_normal().lexically_relative(folder).string();
    expect(place == place.lexically_normal() && !inside.starts_with(".."), "a name leads out of its folder");
    return true;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::corrupt) throw;
    return false;
  }
}

/// As the name of a file, where the system takes it for one.
void look_for(const std::string& name) {
  const bool possible = !name.empty() && name.size() <= 255 && name != "." && name != ".." &&
                        name.find('/') == std::string::npos && name.find('\0') == std::string::npos;
  if (!possible) return;
  const ScratchFile one(name);
  one.write("");
  std::string missing;
  expect(!find_idx_files(one.folder(), IdxNames::of_any_set, missing), "one file is a whole set");
  expect(!missing.empty(), "nothing is missing");
}

}  // namespace

FuzzTarget file_names_target() {
  FuzzTarget target;
  target.name = "file_names";
  target.seeds = {"train-images-idx3-ubyte", "emnist-letters-test-labels-idx1-ubyte.gz",
                  "MNIST/raw/t10k-images.idx3-ubyte", "d\xc3\xa9j\xc3\xa0 vu.safetensors",
                  "a\xc2\xa0"
                  "b"};
  target.dictionary = {"..",
                       "/",
                       "./",
                       "\\",
                       "\n",
                       "\x1b[",
                       "\xc2\x9b",
                       "\xe2\x80\xae",
                       "\xe2\x80\x8b",
                       "\xf0\x9f\x8c\xb1",
                       "-images-idx3-ubyte",
                       "-labels-idx1",
                       ".gz",
                       "train",
                       "t10k",
                       "test",
                       std::string(1, '\0')};
  target.largest = 1 << 12;
  target.read = [](std::string_view input) {
    const std::string name(input);
    show(name);
    foreign_kind(name);
    look_for(name);
    return place(name);
  };
  return target;
}

}  // namespace espalier
