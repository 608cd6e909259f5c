// The canonical JSON of stages, as a worker gets it: a line that names the kind, then the spec.

#include "base/files.h"
#include "experiments/stages/stage_fields.h"
#include "experiments/stages/stage_spec.h"
#include "tests/experiments/sweep_story.h"
#include "tests/fuzz/targets/targets.h"

namespace espalier {
namespace {

constexpr std::string_view kScript = "script";

bool read_spec(std::string_view input) {
  const std::size_t newline = input.find('\n');
  if (newline == std::string_view::npos) throw Error(ErrorKind::invalid_input, "no kind");
  const std::string_view spec = input.substr(newline + 1);
  if (input.substr(0, newline) == kScript) return !parse_spec<ModelFile>(spec).layers.empty();
  reads_of(parse_stage_kind(input.substr(0, newline)), spec);
  return true;
}

}  // namespace

FuzzTarget stage_specs_target() {
  FuzzTarget target;
  target.name = "stage_specs";
  const std::string yaml = read_file(ESPALIER_SOURCE_DIR "/experiments/sweeps/quickstart.yaml", 1 << 20);
  std::size_t train = 0, prune = 0;
  for (const Stage& stage : build_stage_graph(trials_of(yaml, {"controls=[random, shuffle]"})).stages) {
    constexpr std::size_t kOfAKind = 3;
    if (stage.kind == StageKind::train && train++ >= kOfAKind) continue;
    if (stage.kind == StageKind::prune && prune++ >= kOfAKind) continue;
    if (target.seeds.size() > 24) break;
    target.seeds.push_back(std::string(to_string(stage.kind)) + "\n" + *stage.spec);
  }
  target.seeds.push_back("narrow\n" + canonical_json(NarrowSpec{
                                          {"lenet-5", {1, 28, 28}, 10}, "channel l2", "kaiming_normal", 8, {"conv1"}}));
  target.seeds.push_back(
      "script\n{\"content\":\"a\",\"parameters\":9,\"layers\":[{\"name\":\"fc\",\"shape\":[3,3],\"bias\":false,"
      "\"output\":true,\"madds\":9}]}");
  target.dictionary = {"[",
                       "]",
                       "{",
                       "}",
                       "\"",
                       ":",
                       ",",
                       "null",
                       "true",
                       "1e999",
                       "-0.0",
                       "\"script\":",
                       "\"model\":",
                       "\"gradual\":",
                       "\"targets\":[",
                       "\"dataset\":",
                       "\"options\":{",
                       "\"shape\":[",
                       "[0,",
                       "sensitivity\n"};
  for (const char* piece : {"[", "{\"a\":", "9", "[],"}) {
    target.worst.push_back("train\n" + mebibyte_of(piece));
    target.worst.push_back("train\n[" + mebibyte_of(piece));
  }
  target.refusals = {ErrorKind::invalid_input};
  target.read = read_spec;
  return target;
}

}  // namespace espalier
