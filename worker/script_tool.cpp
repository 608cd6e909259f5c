#include "worker/script_tool.h"

#include <array>
#include <exception>
#include <iostream>
#include <sstream>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "base/draft_file.h"
#include "base/error.h"
#include "experiments/json_text.h"
#include "worker/script_facts.h"

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

nlohmann::json answer(const ScriptToolOptions& options) {
  if (!options.export_from.empty()) {
    export_script(options.export_from, options.tensors, options.to);
    return {{"written", options.to}};
  }
  const ScriptModel model =
      describe_script(options.describe, parse_input(options.input), options.classes, options.keep_shape);
  return {{"model", nlohmann::json::parse(canonical_json(model))}};
}

nlohmann::json error_of(ErrorKind kind, const std::string& message) {
  return {{"error", {{"kind", std::string(to_string(kind))}, {"message", message}}}};
}

}  // namespace

int run_script_tool(const ScriptToolOptions& options) {
  // A module may print while it runs.
  const int out = ::dup(STDOUT_FILENO);
  ::dup2(STDERR_FILENO, STDOUT_FILENO);
  nlohmann::json said;
  try {
    said = answer(options);
  } catch (const Error& error) {
    said = error_of(error.kind(), error.what());
  } catch (const std::exception& error) {
    said = error_of(ErrorKind::internal, error.what());
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
