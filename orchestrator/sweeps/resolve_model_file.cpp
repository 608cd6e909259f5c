#include "orchestrator/sweeps/resolve_model_file.h"

#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <unistd.h>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/draft_file.h"
#include "base/error.h"
#include "base/files.h"
#include "base/sha256.h"
#include "cluster/launch/worker_program.h"
#include "db/read/model_query.h"
#include "experiments/models/network_file.h"
#include "experiments/paths/store_paths.h"

namespace espalier {
namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t kLargestRecord = 1 << 20;

/// A folder that is gone afterwards, with all that is in it.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (fs::temp_directory_path() / "espalier-network-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr)
      throw Error(ErrorKind::unavailable, name + ": cannot be made; set TMPDIR to a folder with room");
    path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

NetworkImport import_of(const ModelFileRequest& request) {
  const ModelRequest& model = request.model;
  return {model.path, model.format, model.output, request.input, request.keeps_shape, request.classes};
}

std::string text_of(const ModelFileRequest& request) {
  return nlohmann::json{request.model.path, request.model.format, request.model.output,
                        request.input,      request.keeps_shape,  request.classes}
      .dump();
}

/// What a record names, if it is still there.
std::optional<FoundModelFile> copy_of(const fs::path& record) {
  std::error_code unreadable;
  if (!fs::exists(record, unreadable)) return std::nullopt;
  const nlohmann::json json = nlohmann::json::parse(read_file(record, kLargestRecord), nullptr, false);
  if (!json.is_object()) return std::nullopt;
  FoundModelFile found{parse_spec<ModelFile>(json.value("model", "")), ""};
  const fs::path copy = record.parent_path() / (found.file.content + ".safetensors");
  if (!fs::exists(copy, unreadable)) return std::nullopt;
  found.file.graph = std::make_shared<const OperatorGraph>(read_network_graph(copy));
  found.file.remarks.emplace_back("is gone; its copy in the store goes on");
  found.path = fs::absolute(copy).string();
  return found;
}

/// What a TorchScript module is where the store has trials of it as a black box.
std::optional<FoundModelFile> known_module(const ModelFileRequest& request, const StoreConfig& config,
                                           const std::stop_token& stop) {
  const std::string& path = request.model.path;
  if (request.model.format != kTorchScript || config.store.empty()) return std::nullopt;
  if (!has_model(config.store, model_file_name(kTorchScript, to_hex(sha256_file(path))))) return std::nullopt;
  FoundModelFile found{describe_torchscript(path, request.input, request.keeps_shape, request.classes, stop), path};
  found.file.obstacle =
      "the store has trials of it as one, which go on; with another --store it is a graph of operators";
  return found;
}

}  // namespace

FoundModelFile resolve_model_file(const ModelFileRequest& request, const StoreConfig& config,
                                  const std::stop_token& stop) {
  const ModelRequest& model = request.model;
  const fs::path networks = config.store.empty() ? fs::path() : StorePaths{config.store}.networks();
  // What was imported for this request, for the day when the original is gone.
  const fs::path record = networks / (to_hex(sha256(text_of(request))) + ".import");
  std::error_code unreadable;
  if (!networks.empty() && !fs::exists(model.path, unreadable)) {
    if (auto copy = copy_of(record)) return std::move(*copy);
  }
  // Elsewhere first: a file that is refused leaves no store behind.
  const TemporaryFolder folder;
  const fs::path imported = folder.path() / "network.safetensors";
  ModelFile file = import_network(import_of(request), imported, stop);
  if (!file.is_graph) return {std::move(file), model.path};
  if (auto known = known_module(request, config, stop)) return std::move(*known);
  if (!config.takes_copies) return {std::move(file), ""};
  const fs::path copy = networks / (file.content + ".safetensors");
  fs::create_directories(networks);
  {
    DraftFile draft(copy);
    fs::copy_file(imported, draft.path(), fs::copy_options::overwrite_existing);
    draft.put();
  }
  write_file_atomically(record, nlohmann::json{{"model", canonical_json(file)}}.dump());
  return {std::move(file), fs::absolute(copy).string()};
}

}  // namespace espalier
