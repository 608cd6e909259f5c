// What becomes of TorchScript files: lower_networks [--text] FILE C,H,W CLASSES. One line of JSON.
#include <chrono>
#include <cstdio>
#include <iostream>
#include <map>
#include <string>
#include <sys/resource.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "experiments/operators/operator.h"
#include "tests/worker/lowering/same_outputs.h"

int main(int argc, char** argv) {
  using espalier::Value;
  const bool text = argc == 5 && argv[1] == std::string("--text");
  if (argc != 4 && !text) return 2;
  char** arguments = argv + (text ? 2 : 1);
  std::vector<std::int64_t> input(3);
  if (std::sscanf(arguments[1], "%ld,%ld,%ld", &input[0], &input[1], &input[2]) != 3) return 2;
  const std::int64_t classes = std::stoll(arguments[2]);
  nlohmann::json result;
  const auto begin = std::chrono::steady_clock::now();
  const auto seconds = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count(); };
  try {
    const espalier::LoweredModule lowered = espalier::lower_script(arguments[0], input, classes);
    result["seconds"] = seconds();
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    result["megabytes"] = usage.ru_maxrss / 1024;
    if (text) std::cout << lowered.graph->text();
    std::map<std::string, int> operators;
    for (const auto& node : lowered.graph->nodes()) ++operators[std::string(node.op->name())];
    result["operators"] = operators;
    result["remarks"] = lowered.remarks;
    std::int64_t weights = 0;
    for (const Value& value : lowered.graph->values()) {
      if (value.source == Value::Source::parameter) weights += elements(value.dims);
    }
    result["parameters"] = weights;
    const auto difference = output_difference(arguments[0], lowered, input, classes);
    result["evaluation"] = difference.evaluation;
    result["training"] = difference.training;
    if (!difference.training_trouble.empty()) result["training_trouble"] = difference.training_trouble;
  } catch (const std::exception& failure) {
    result["error"] = failure.what();
  }
  result["seconds_all"] = seconds();
  std::cout << result.dump() << std::endl;
  return 0;
}
