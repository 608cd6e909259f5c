#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <string>
#include <vector>

#include "experiments/stages/stage_spec.h"

namespace espalier {

/// espalier-worker: beside espalier, else on PATH. Errors: ErrorKind::unavailable if it is nowhere.
std::filesystem::path find_worker();

inline constexpr std::chrono::seconds kDefaultQueryLimit{60};
inline constexpr const char* kQueryLimitVariable = "ESPALIER_LOOK_LIMIT";

/// Runs the worker's inspection of a TorchScript file as a black box (worker/inspection/script_facts.h), for examples
/// of `input` (see ModelFile::keeps_shape) and so many classes. The file's code runs in that process, which gets
/// kDefaultQueryLimit, or the seconds in $ESPALIER_LOOK_LIMIT; after two seconds a line on stderr names what it waits
/// for. Errors: those of the worker, with their kinds; ErrorKind::unavailable without a worker,
/// ErrorKind::invalid_input if it crashed or took too long, or was ended because `stop` was requested.
ModelFile describe_torchscript(const std::string& path, const std::array<std::int64_t, 3>& input, bool keeps_shape,
                               std::int64_t classes, const std::stop_token& stop = {});

/// What is imported, and what it is to fit.
struct NetworkImport {
  std::string path;
  std::string format;  ///< "onnx" or "torchscript"
  std::string output;  ///< which of several, by name or place; "" the first
  std::array<std::int64_t, 3> input{};
  bool keeps_shape = false;
  std::int64_t classes = 0;
};
/// Has the worker import a network (worker/imports/network_import.h) and write it to `to`
/// (experiments/models/network_file.h), unless it is a module that cannot be a graph: see ModelFile::obstacle. Limits
/// and errors: as of describe_torchscript. `to` is new.
ModelFile import_network(const NetworkImport& wanted, const std::filesystem::path& to,
                         const std::stop_token& stop = {});

/// Has it write the TorchScript module of `from` with the tensors of the safetensors file `tensors` to `to`: its own,
/// or those of the graph `content` that it becomes (only then more than the path of `from` is looked at). Errors:
/// likewise.
void export_module(const NetworkImport& from, const std::string& content, const std::filesystem::path& tensors,
                   const std::filesystem::path& to);
/// Has it write the network of a file (experiments/models/network_file.h) to `to`, as "onnx" or "torchscript"
/// (worker/imports/network_export.h). Errors: likewise.
void export_graph(const std::filesystem::path& network, const std::string& format, const std::filesystem::path& to);

/// Has it write the smaller network of a file with masks to `to` (worker/imports/network_export.h). Returns what stays
/// of what has no weights left, and why, a sentence each. Errors: likewise.
std::vector<std::string> make_smaller(const std::filesystem::path& network, const std::filesystem::path& to);

}  // namespace espalier
