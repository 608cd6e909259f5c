#pragma once

#include "experiments/models/model_description.h"

namespace espalier {

/// describe_<suffix> for each line of catalog/models.def. `spec` has positive sizes when it gets there.
/// Errors: ErrorKind::invalid_input for an input that the model cannot take, and for sizes in a family's name that are
/// none.
#define ESPALIER_MODEL(suffix, name, sizes, images, about, paper) \
  ModelDescription describe_##suffix(const ModelSpec& spec);
#include "experiments/catalog/models.def"
#undef ESPALIER_MODEL

}  // namespace espalier
