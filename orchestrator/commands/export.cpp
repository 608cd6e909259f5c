#include <algorithm>
#include <ostream>
#include <vector>

#include <CLI/CLI.hpp>

#include "base/error.h"
#include "orchestrator/commands/commands.h"
#include "orchestrator/commands/message_stream.h"
#include "orchestrator/sweeps/trial_export.h"

namespace espalier {
namespace {

void run_export(const std::string& store, const TrialExport& wanted) {
  const std::vector<std::filesystem::path> outputs{wanted.weights, wanted.masks, wanted.torchscript, wanted.shrunk,
                                                   wanted.onnx};
  if (std::ranges::all_of(outputs, [](const auto& path) { return path.empty(); })) {
    throw Error(ErrorKind::invalid_input,
                "nothing to write: give --weights, --masks, --shrunk, --onnx or --torchscript");
  }
  if (wanted.masked && wanted.onnx.empty() && wanted.torchscript.empty())
    throw Error(ErrorKind::invalid_input, "--masked is for --onnx and --torchscript; give one of them");
  const std::vector<std::string> staying = export_trial(store, wanted);
  for (const std::string& units : staying) message_stream(outputs) << "note: " << units << "\n";
  for (const auto& path : outputs) {
    if (!path.empty()) message_stream(outputs) << "wrote " << path.string() << "\n";
  }
}

}  // namespace

void add_export_command(CLI::App& app, CommandLine& line) {
  CLI::App* command = app.add_subcommand("export", "Write the network of a trial: weights, masks, ONNX, TorchScript");
  auto wanted = std::make_shared<TrialExport>();
  command->add_option("--trial", wanted->trial, "The first digits of its key (results --json shows trial_key)")
      ->required();
  command->add_option("--weights", wanted->weights, "Safetensors file of its parameters and buffers, pruned ones zero");
  command->add_option("--masks", wanted->masks, "Safetensors file of its masks: uint8, 1 = kept");
  command->add_option(
      "--shrunk", wanted->shrunk,
      "Safetensors file of the smaller network: its tensors without the channels, heads and blocks that "
      "were removed");
  command->add_option("--onnx", wanted->onnx, "ONNX file of the smaller network (opset 17)");
  CLI::Option* script = command->add_option("--torchscript", wanted->torchscript, "TorchScript file of it");
  CLI::Option* masked =
      command->add_flag("--masked", wanted->masked, "For --onnx and --torchscript: the whole network, with zeros");
  CLI::Option* module = command
                            ->add_option("--module", wanted->module,
                                         "For --torchscript: the file that the sweep names as its model; its own code, "
                                         "with the whole network's weights")
                            ->needs(script)
                            ->excludes(masked);
  command->add_option("--output", wanted->output, "For --module: what the sweep says as its model's output")
      ->needs(module);
  command
      ->add_option("--like", wanted->like,
                   "Safetensors file of the model that was imported: tensors are called as in it")
      ->excludes(module);
  command->add_option("--store", line.store, "Folder of the results")->capture_default_str();
  const auto force = std::make_shared<bool>(false);
  command->add_flag("--force", *force, "Replace files that are there");
  command->callback([wanted, force, &line] {
    if (*force) wanted->overwrite = Overwrite::allow;
    run_export(line.store, *wanted);
  });
}

}  // namespace espalier
