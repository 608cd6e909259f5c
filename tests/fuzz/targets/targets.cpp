#include "tests/fuzz/targets/targets.h"

namespace espalier {

std::string mebibyte_of(const std::string& piece) {
  std::string text;
  while (text.size() + piece.size() <= std::size_t{1} << 20) text += piece;
  return text;
}

std::vector<FuzzTarget> fuzz_targets() {
  return {
      cifar10_target(),     commands_target(),    connection_file_target(), crash_note_target(), file_names_target(),
      frames_target(),      idx_target(),         option_values_target(),   outcomes_target(),   reports_target(),
      safetensors_target(), stage_specs_target(), sweeps_target()};
}

}  // namespace espalier
