#include "worker/imports/network_export.h"

#include "base/error.h"
#include "base/files.h"
#include "worker/network/stored_network.h"
#ifdef ESPALIER_ONNX
#include "worker/onnx/exports/export_onnx.h"
#endif

namespace espalier {

void export_as_onnx(const std::filesystem::path& network, const std::filesystem::path& to) {
#ifdef ESPALIER_ONNX
  const StoredNetwork stored = load_network(network);
  write_file_atomically(to, export_onnx(*stored.graph, stored.tensors));
#else
  throw Error(ErrorKind::invalid_input, to.string() + ": this espalier-worker writes no ONNX files of " +
                                            network.string() + "; build it with libonnx-dev");
#endif
}

}  // namespace espalier
