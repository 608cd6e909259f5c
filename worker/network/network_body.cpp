#include "worker/network/network_body.h"

#include "worker/network/graph_body.h"
#include "worker/network/script_body.h"

namespace espalier {

std::unique_ptr<NetworkBody> make_body(const ModelDescription& model, FlatParameters& parameters) {
  if (model.graph) return make_graph_body(model.graph, parameters);
  return make_script_body(model, parameters);
}

}  // namespace espalier
