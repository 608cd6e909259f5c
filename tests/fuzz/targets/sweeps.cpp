// Sweep files, with overrides and without: what is written after "\n# --set " is an override, as the store notes it.

#include <algorithm>
#include <filesystem>

#include "base/files.h"
#include "experiments/expand/check_sweep.h"
#include "experiments/expand/check_trials.h"
#include "experiments/expand/combinations.h"
#include "tests/experiments/sweep_story.h"
#include "tests/fuzz/targets/targets.h"

namespace espalier {
namespace {

constexpr std::string_view kOverride = "\n# --set ";

/// Sweeps of more trials are read but not laid out, which would be slow for honest reasons.
constexpr std::int64_t kMostCombinations = 200;
constexpr std::size_t kMostSeeds = 20;

std::vector<std::string> take_overrides(std::string_view& yaml) {
  std::vector<std::string> overrides;
  for (std::size_t at = yaml.rfind(kOverride); at != std::string_view::npos; at = yaml.rfind(kOverride)) {
    overrides.emplace_back(yaml.substr(at + kOverride.size()));
    yaml = yaml.substr(0, at);
  }
  std::ranges::reverse(overrides);
  return overrides;
}

FoundModelFile some_file(const ModelFileRequest& request) {
  const std::int64_t values = request.input[0] * request.input[1] * request.input[2];
  const std::int64_t classes = request.classes;
  return {{std::string(64, 'a'), values * classes, {{"fc", {classes, values}, false, true, values * classes}}},
          request.model.path};
}

bool read_sweep_text(std::string_view text) {
  const std::vector<std::string> overrides = take_overrides(text);
  const ParsedSweep parsed = parse_sweep(text, "fuzz.yaml", overrides);
  if (!parsed.spec) {
    if (parsed.diagnostics.empty()) throw Error(ErrorKind::internal, "refused without a word");
    return false;
  }
  check_sweep(*parsed.spec);
  if (!Combinations(*parsed.spec).count(kMostCombinations) || parsed.spec->seeds.size() > kMostSeeds) return true;
  const Expansion expansion = expand_trials(*parsed.spec, mnist_sizes, some_file);
  check_trials(*parsed.spec, expansion.trials);
  build_stage_graph(expansion.trials);
  return !expansion.trials.empty();
}

}  // namespace

FuzzTarget sweeps_target() {
  FuzzTarget target;
  target.name = "sweeps";
  for (const auto& entry : std::filesystem::directory_iterator(ESPALIER_SOURCE_DIR "/experiments/sweeps")) {
    if (entry.path().extension() == ".yaml") target.seeds.push_back(read_file(entry.path(), 1 << 20));
  }
  std::ranges::sort(target.seeds);
  target.seeds.push_back(
      "sweep: s\ndataset: {idx: some/folder}\nmodel: {torchscript: net.pt}\nseeds: [3, 5]\n"
      "train: {optimizer: sgd, lr: [0.1, 0.01], batch_size: 60, epochs: 2, lr_schedule: {step: {milestones: [100it, "
      "1ep]}}}\n"
      "prune: {method: [magnitude, snip], sparsity: [0.5, 0.9], schedule: {iterative: {rounds: 3}}}\n"
      "retrain: {rewind: {to: 1ep}}\ncontrols: [random, shuffle]\n# --set train.epochs=3\n# --set seeds=1");
  target.dictionary = {
      "[",          "]",         "{",         "}",          ": ",           ", ",          "- ",        "? ",
      "\n",         "\n  ",      "&a ",       "*a",         "!!str ",       "---\n",       "...\n",     "|\n  ",
      ">-\n ",      "\"",        "'",         "\\u0000",    "%YAML 1.2\n",  "# ",          "\t",        "null",
      "~",          "true",      "0.5",       "500it",      "2ep50it",      "mlp-300-100", "vgg-16-bn", "resnet-20",
      "axes:",      "zip:",      "when:",     "exclude:",   "prune:",       "sparsity:",   "schedule:", "rounds: ",
      "gradual",    "iterative", "{table: {", "block: 4x4", "2:4",          "protect: ",   "\xff\xfe",  "\xef\xbb\xbf",
      "\n# --set ", "seeds: ",   "<<: ",      "{name: ",    "sensitivity: "};
  for (const char* piece :
       {"[",    "{",      "[]", "[a, ", "{a: ",  "a: [", "1, ", "- ",       "? ",   ": ",           "-\n",
        "a\n ", "a: b\n", "\"", "'",    "|\n ",  "\n",   "#",   "%",        "!a ",  "&a ",          "\t",
        " ",    "a",      "9",  "\\",   "---\n", ",",    "]",   "\xc3\xa9", "? - ", "? [a]\n: b\n", "[{? "}) {
    target.worst.push_back(mebibyte_of(piece));
    target.worst.push_back("sweep: [" + mebibyte_of(piece).substr(8));
  }
  target.worst.push_back("? " + std::string(500'000, 'k') + "\n: [" + mebibyte_of("1, ").substr(0, 300'000) + "1]");
  target.worst.push_back(mebibyte_of("{" + std::string(100, 'k') + ": "));
  target.worst.push_back("sweep: s\n# --set " + mebibyte_of("a.") + "=1");
  std::string steps = "1";  // each a choice of the map around it
  for (int i = 0; i < 900; ++i) steps += ", 1";
  target.worst.push_back("sweep: s\ntrain: {lr: [0.1, 0.2], lr_schedule: {step: {millstones: [" + steps + "]}}}\n");
  target.held_per_byte = 100;      // a token of a byte, of which yaml-cpp keeps many until it knows what they belong to
  target.held_besides = 64 << 20;  // an honest sweep of 200 combinations, laid out
  target.read = read_sweep_text;
  return target;
}

}  // namespace espalier
