#include "worker/script_tool.h"

#include <array>
#include <exception>
#include <sstream>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
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

void write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
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
  write_all(out, said.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
  return said.contains("error") ? 1 : 0;
}

}  // namespace espalier
