#pragma once

#include "experiments/models/model_description.h"
#include "experiments/operators/graph_builder.h"

namespace espalier {

/// describe_<suffix> for each line of catalog/models.def. `spec` has positive sizes when it gets there.
/// Errors: ErrorKind::invalid_input for an input that the model cannot take, and for sizes in a family's name that are
/// none.
#define ESPALIER_MODEL(suffix, name, sizes, images, about, paper) \
  ModelDescription describe_##suffix(const ModelSpec& spec);
#include "experiments/catalog/models.def"
#undef ESPALIER_MODEL

/// The examples of `spec`, [N, channels, height, width].
inline ValueIndex input_image(GraphBuilder& graph, const ModelSpec& spec) {
  return graph.input({spec.input.begin(), spec.input.end()});
}

/// What the builder made, up to the logits.
ModelDescription described(const ModelSpec& spec, GraphBuilder& graph, ValueIndex logits);

}  // namespace espalier
