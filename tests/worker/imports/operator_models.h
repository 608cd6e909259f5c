#pragma once

#include <vector>

#include "experiments/models/model_description.h"

namespace espalier {

/// Small networks in which every operator occurs, with each of its forms. Numbers stay where all functions are defined.
std::vector<ModelDescription> operator_models();

}  // namespace espalier
