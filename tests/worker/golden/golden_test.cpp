// Every key of every case in the folder of golden vectors, beside what this program computes. An unknown key is a
// failure.

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <ostream>

#include <ATen/ops/allclose.h>
#include <gtest/gtest.h>

#include "tests/needs.h"
#include "tests/worker/golden/golden_case.h"

namespace espalier {
namespace {

namespace fs = std::filesystem;

/// Keys of one case that are checked together: "mask.wanda_row.0.5.fc1.weight" is of head "mask.wanda_row", detail
/// "0.5", item "fc1.weight".
struct Group {
  fs::path folder;
  std::string head, detail;
  std::vector<std::string> keys, items;
};

std::vector<std::string> segments(const std::string& key) {
  std::vector<std::string> parts{""};
  for (const char c : key) {
    if (c == '.') {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

std::string join(const std::vector<std::string>& parts, std::size_t from, std::size_t to) {
  std::string text;
  for (std::size_t i = from; i < std::min(to, parts.size()); ++i) text += (text.empty() ? "" : ".") + parts[i];
  return text;
}

struct SplitKey {
  std::string head, detail, item;
};
SplitKey split(const std::string& key) {
  std::vector<std::string> parts = segments(key);
  const std::string first = parts[0];
  if (first == "tp") {
    // tp.RUN.param.conv1.weight: what is compared in a way of its own has a head of its own.
    const bool own = parts.at(2) == "param" || parts.at(2) == "buffer" || parts.at(2) == "filters_only_masked_out";
    return {own ? "tp." + parts[2] : "tp", parts[1], join(parts, own ? 3 : 2, parts.size())};
  }
  const bool two = first == "score" || first == "mask" || first == "check" || first == "erk" ||
                   first.find("_bs") != std::string::npos;
  const std::size_t head = two ? 2 : 1;
  std::size_t detail = 0;
  if (first == "erk") detail = parts.size() - head;
  if (first == "mask") detail = parts.size() > 2 && parts[2].starts_with("level") ? 1 : 2;
  return {join(parts, 0, head), join(parts, head, head + detail), join(parts, head + detail, parts.size())};
}

/// Of what is in the folder; none if it is not there.
std::vector<Group> groups() {
  std::vector<Group> all;
  if (!fs::is_directory(golden_folder())) return all;
  std::vector<fs::path> folders;
  for (const auto& entry : fs::directory_iterator(golden_folder())) {
    if (entry.is_directory() && fs::exists(entry.path() / "tensors.safetensors")) folders.push_back(entry.path());
  }
  std::sort(folders.begin(), folders.end());
  for (const fs::path& folder : folders) {
    for (const auto& [key, tensor] : GoldenCase(folder).tensors) {
      const SplitKey parts = split(key);
      const auto same = [&](const Group& group) {
        return group.folder == folder && group.head == parts.head && group.detail == parts.detail;
      };
      auto found = std::find_if(all.begin(), all.end(), same);
      if (found == all.end()) found = all.insert(all.end(), {folder, parts.head, parts.detail, {}, {}});
      found->keys.push_back(key);
      found->items.push_back(parts.item);
    }
  }
  return all;
}

const GoldenTable& table() {
  static const GoldenTable all = [] {
    GoldenTable merged;
    for (const GoldenTable& part : {golden_networks(), golden_criteria(), golden_masks(), golden_repairs(),
                                    golden_structures(), golden_torch_pruning()})
      merged.insert(part.begin(), part.end());
    return merged;
  }();
  return all;
}

const GoldenCase& load_case(const fs::path& folder) {
  static std::map<fs::path, std::unique_ptr<GoldenCase>> loaded;
  auto& golden = loaded[folder];
  if (!golden) golden = std::make_unique<GoldenCase>(folder);
  return *golden;
}

std::string title(const Group& group) {
  return group.head + (group.detail.empty() ? "" : "." + group.detail);
}

/// max |ours - golden| <= tolerance * max |golden|. Golden values that are rounding noise themselves (gradients of key
/// biases, which are zero in exact arithmetic) are compared to 1e-6.
void expect_golden(const at::Tensor& ours, const at::Tensor& golden, double tolerance, const std::string& key) {
  ASSERT_EQ(ours.sizes(), golden.sizes()) << key;
  ASSERT_TRUE(ours.isfinite().all().item<bool>()) << key;
  const at::Tensor a = ours.to(at::kDouble), b = golden.to(at::kDouble);
  const double error = a.sub(b).abs().max().item<double>(), scale = b.abs().max().item<double>();
  EXPECT_LE(error, scale < 1e-7 && tolerance > 0 ? 1e-6 : tolerance * scale) << key << ", largest value " << scale;
}

/// For the name of a failure.
void PrintTo(const Group& group, std::ostream* out) {
  *out << group.folder.filename().string() << " " << title(group);
}

class Golden : public testing::TestWithParam<Group> {};
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Golden);

TEST_P(Golden, Agrees) {
  const Group& group = GetParam();
  const auto found = table().find(group.head);
  ASSERT_NE(found, table().end()) << "nothing is known about the " << group.items.size() << " keys of " << group.head;
  const GoldenEntry& entry = found->second;
  const GoldenCase& golden = load_case(group.folder);
  const NamedTensors ours = entry.compute(golden, group.detail);
  for (std::size_t i = 0; i < group.items.size(); ++i) {
    const std::string &key = group.keys[i], &item = group.items[i];
    const auto computed =
        std::find_if(ours.begin(), ours.end(), [&](const auto& named) { return named.first == item; });
    if (computed == ours.end()) {
      ADD_FAILURE() << "nothing was computed for " << key;
      continue;
    }
    expect_golden(computed->second.detach(), golden.tensor(key), entry.tolerance, key);
  }
}

INSTANTIATE_TEST_SUITE_P(Folder, Golden, testing::ValuesIn(groups()), [](const auto& instance) {
  std::string name = instance.param.folder.filename().string() + "_" + title(instance.param);
  std::replace_if(
      name.begin(), name.end(), [](char c) { return !std::isalnum(static_cast<unsigned char>(c)); }, '_');
  return name;
});

TEST(GoldenFolder, IsThere) {
  ESPALIER_NEEDS("golden", fs::is_directory(golden_folder()),
                 "no golden vectors in " << golden_folder() << "; set ESPALIER_GOLDEN");
  EXPECT_FALSE(groups().empty()) << "no cases in " << golden_folder();
}

}  // namespace
}  // namespace espalier
