#include "experiments/parse/resources_key.h"

#include "experiments/parse/map_reader.h"
#include "experiments/parse/scalars.h"

namespace espalier {

Resources parse_resources(const YamlValue& value, Problems& problems) {
  Resources resources;
  MapReader map(value, problems);
  if (const YamlValue* gpus = map.find("gpus")) {
    const NumberRange share{0, 1, true, true,
                            "the share of one GPU that a job fills; several ranks together are "
                            "ranks_per_trial"};
    resources.gpus = parse_number(*gpus, share, problems).value_or(0);
  }
  if (const YamlValue* memory = map.find("memory_gb"))
    resources.memory_gb = parse_number(*memory, {0, 1e6, true, true, "GB that a rank may fill"}, problems).value_or(0);
  if (const YamlValue* label = map.find("label")) resources.label = parse_text(*label, problems).value_or("");
  map.finish();
  return resources;
}

}  // namespace espalier
