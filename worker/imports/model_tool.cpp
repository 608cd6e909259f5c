#include "worker/imports/model_tool.h"

#include <array>
#include <exception>
#include <iostream>
#include <sstream>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "base/draft_file.h"
#include "base/error.h"
#include "experiments/formats/json_text.h"
#include "worker/imports/network_export.h"
#include "worker/imports/network_import.h"
#include "worker/inspection/script_facts.h"
#include "worker/machine/memory_limit.h"
#include "worker/torchscript/torch_message.h"

namespace espalier {
namespace {

std::array<std::int64_t, 3> parse_input(const std::string& text) {
  std::array<std::int64_t, 3> input{};
  std::istringstream in(text);
  char comma = ',';
  for (std::int64_t& side : input) {
    if (comma != ',' || !(in >> side) || side < 1) throw Error(ErrorKind::invalid_input, "--input: expected C,H,W");
    in >> comma;
  }
  return input;
}

NetworkImportRequest import_of(const ModelToolOptions& options, const std::string& from) {
  return {from,      options.format, options.output, parse_input(options.input), options.keep_shape, options.classes,
          options.to};
}

nlohmann::json answer(const ModelToolOptions& options) {
  const MemoryLimit memory(memory_allowance(-1, memory_total(), 1));  // a module that fills it ends by itself
  if (!options.export_from.empty()) {
    if (options.content.empty()) {
      export_script(options.export_from, options.tensors, options.to);
    } else {
      export_network(import_of(options, options.export_from), options.content, options.tensors);
    }
    return {{"written", options.to}};
  }
  if (!options.graph_from.empty()) {
    export_network_file(options.graph_from, options.format, options.to);
    return {{"written", options.to}};
  }
  if (!options.whole.empty()) {
    const std::vector<std::string> staying = export_smaller(options.whole, options.to);
    return {{"written", options.to}, {"staying", staying}};
  }
  const ModelFile model = options.import_from.empty() ? describe_script(options.describe, parse_input(options.input),
                                                                        options.classes, options.keep_shape)
                                                      : import_network(import_of(options, options.import_from));
  return {{"model", nlohmann::json::parse(canonical_json(model))},
          {"remarks", model.remarks},
          {"lone_example", model.lone_example},
          {"batch_norm", model.batch_norm},
          {"obstacle", model.obstacle}};
}

nlohmann::json error_of(ErrorKind kind, const std::string& message) {
  return {{"error", {{"kind", std::string(to_string(kind))}, {"message", message}}}};
}

}  // namespace

int run_model_tool(const ModelToolOptions& options) {
  // A module may print while it runs.
  const int out = ::dup(STDOUT_FILENO);
  ::dup2(STDERR_FILENO, STDOUT_FILENO);
  nlohmann::json said;
  try {
    said = answer(options);
  } catch (const Error& error) {
    said = error_of(error.kind(), error.what());
  } catch (const std::exception& error) {
    said = error_of(ErrorKind::internal, torch_message(error.what()));
  }
  try {
    write_to(out, json_text(said, -1) + "\n", "standard output");
  } catch (const Error& error) {
    std::cerr << "espalier-worker: " << error.what() << std::endl;
    return 1;
  }
  return said.contains("error") ? 1 : 0;
}

}  // namespace espalier
