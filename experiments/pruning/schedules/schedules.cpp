#include "experiments/pruning/schedules/schedules.h"

#include <string>

#include "base/error.h"

namespace espalier {

double density_after(std::string_view schedule, double sparsity, double progress, double initial) {
#define ESPALIER_SCHEDULE(name, ...) \
  if (schedule == #name) return density_after_##name(sparsity, progress, initial);
#include "experiments/catalog/schedules.def"
#undef ESPALIER_SCHEDULE
  throw Error(ErrorKind::internal, "no schedule is called " + std::string(schedule));
}

}  // namespace espalier
