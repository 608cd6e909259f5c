#include <algorithm>
#include <chrono>
#include <filesystem>
#include <iostream>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "analysis/plots/gnuplot_script.h"
#include "analysis/plots/plots.h"
#include "base/error.h"
#include "base/word_option.h"
#include "cluster/launch/child_process.h"
#include "cluster/launch/local_pool_process.h"
#include "experiments/paths/output_file.h"
#include "orchestrator/commands/commands.h"
#include "orchestrator/commands/message_stream.h"
#include "orchestrator/commands/options/sweep_name_option.h"

namespace espalier {
namespace {

struct PlotRequest {
  std::string kind, sweep;
  std::filesystem::path output;
  bool data = false;
  Overwrite overwrite = Overwrite::refuse;
};

std::string format_of(const std::filesystem::path& output) {
  const std::string ending = output.extension().string();
  for (const std::string& format : picture_formats())
    if (ending == "." + format) return format;
  throw Error(ErrorKind::invalid_input,
              fmt::format("{}: a picture's name ends in .{}", output.string(), fmt::join(picture_formats(), ", .")));
}

std::string xml_text(const std::string& text) {
  std::string escaped;
  for (const char c : text) escaped += c == '&' ? "&amp;" : c == '<' ? "&lt;" : c == '>' ? "&gt;" : std::string(1, c);
  return escaped;
}

/// The bytes that gnuplot draws. Errors: ErrorKind::unavailable without gnuplot; ErrorKind::internal if it refused.
std::string drawn(const Picture& picture, const std::string& format) {
  const std::filesystem::path gnuplot =
      find_program("gnuplot", "install it (Debian: apt-get install gnuplot-nox), or take the numbers with --data");
  DraftFile script(std::filesystem::temp_directory_path() / "espalier_plot", 0600);
  script.write(gnuplot_script(picture, format));
  constexpr std::chrono::minutes kLimit{2};
  constexpr std::size_t kMostBytes = std::size_t{64} << 20;
  // -d: without the user's own settings, so that a picture looks the same everywhere.
  CapturedOutput output = capture_output({gnuplot.string(), "-d", script.path().string()}, kLimit, kMostBytes);
  if (!output.end || output.end->exit_code != 0 || output.out.empty())
    throw Error(ErrorKind::internal, "gnuplot could not draw: " + output.err.substr(0, 500));
  // Its SVG is titled "Gnuplot", which a screen reader would read.
  constexpr std::string_view kTitle = "<title>Gnuplot</title>";
  if (const std::size_t at = output.out.find(kTitle); at != std::string::npos)
    output.out.replace(at, kTitle.size(), "<title>" + xml_text(picture.title) + "</title>");
  return std::move(output.out);
}

void plot(const std::string& store, const PlotRequest& request) {
  const PlotKind& kind = find_plot_kind(request.kind);
  const std::string format = request.output.empty() || request.data ? "" : format_of(request.output);
  check_outputs({request.output}, {request.overwrite, store, {}});
  PlotSource source(store, request.sweep);
  const Picture picture = kind.draw(source);
  if (picture.is_empty()) {
    throw Error(ErrorKind::invalid_input,
                fmt::format("{} has nothing for plot {}: it shows {}", request.sweep, kind.name, kind.shows));
  }
  if (request.output.empty()) {
    std::cout << picture_csv(picture);
    return;
  }
  write_output(request.output, request.data ? picture_csv(picture) : drawn(picture, format));
  message_stream({request.output}) << "wrote " << request.output.string() << "\n";
}

}  // namespace

void add_plot_command(CLI::App& app, CommandLine& line) {
  CLI::App* command = app.add_subcommand("plot", "Draw a sweep's results: SVG, PNG or PDF");
  auto request = std::make_shared<PlotRequest>();
  std::vector<std::string> kinds;
  for (const PlotKind& kind : plot_kinds()) kinds.emplace_back(kind.name);
  command->add_option("KIND", request->kind, fmt::format("{}", fmt::join(kinds, ", ")))
      ->required()
      ->check(word_option(kinds));
  add_sweep_name(*command, request->sweep, "default: its only one");
  CLI::Option* output =
      command->add_option("-o,--output", request->output, "The picture: FILE.svg, FILE.png or FILE.pdf");
  CLI::Option* data =
      command->add_flag("--data", request->data, "The numbers behind it instead, as CSV: printed, or written");
  command->add_option("--store", line.store, "Folder of the results")->capture_default_str();
  command->add_flag_callback(
      "--force", [request] { request->overwrite = Overwrite::allow; }, "Replace a file that is there");
  command->callback([request, output, data, &line] {
    if (output->count() == 0 && data->count() == 0)
      throw Error(ErrorKind::invalid_input, "nothing to write: give -o FILE.svg, or --data for the numbers");
    request->sweep = only_sweep(line.store, request->sweep);
    plot(line.store, *request);
  });
}

}  // namespace espalier
