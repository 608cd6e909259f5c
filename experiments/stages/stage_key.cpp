#include "experiments/stages/stage_key.h"

#include "experiments/formats/json_writer.h"

namespace espalier {

StageKey make_stage_key(StageKind kind, std::span<const std::pair<InputRole, StageKey>> inputs, std::uint64_t seed,
                        std::string_view spec) {
  std::string buffer;
  return make_stage_key(kind, inputs, seed, spec, buffer);
}

StageKey make_stage_key(StageKind kind, std::span<const std::pair<InputRole, StageKey>> inputs, std::uint64_t seed,
                        std::string_view spec, std::string& buffer) {
  buffer.clear();
  JsonWriter out(buffer);
  out.begin_object();
  out.field("epoch", static_cast<std::int64_t>(kNumericsEpoch));
  out.key("inputs");
  out.begin_object();
  for (const InputRole wanted : {InputRole::masks, InputRole::sensitivity, InputRole::weights}) {  // sorted by name
    for (const auto& [role, key] : inputs) {
      if (role == wanted) out.field(to_string(role), std::string_view(to_hex(key)));
    }
  }
  out.end_object();
  out.field("kind", to_string(kind));
  if (has(kind, StageProperty::draws_randomness)) out.field("seed", seed);
  out.key("spec");
  buffer += spec;
  out.end_object();
  return {sha256(buffer)};
}

}  // namespace espalier
