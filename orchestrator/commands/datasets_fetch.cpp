#include <csignal>
#include <iostream>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "base/error.h"
#include "experiments/datasets/dataset_download.h"
#include "experiments/formats/json_text.h"
#include "orchestrator/commands/commands.h"
#include "orchestrator/coordinator/progress.h"
#include "orchestrator/fetch/fetch_files.h"
#include "orchestrator/fetch/unpack_archive.h"

namespace espalier {
namespace {

struct FetchRequest {
  std::string name;
  DataFolder data;
  std::string mirror;  ///< in place of the dataset's own; "" for those
  std::string ca_file;
  bool as_json = false;
};

volatile std::sig_atomic_t g_fetch_stopped = 0;

/// The first signal lets the transfer end in order, the second ends the process.
void stop_fetch_on_signals() {
  struct sigaction action {};
  action.sa_handler = [](int) { g_fetch_stopped = 1; };
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  for (const int number : {SIGINT, SIGTERM}) ::sigaction(number, &action, nullptr);
}

std::vector<RemoteFile> remote_files(const DatasetDownload& download, const std::string& mirror) {
  std::vector<std::string> mirrors = download.mirrors;
  if (!mirror.empty()) mirrors = {mirror + (mirror.ends_with('/') ? "" : "/")};
  std::vector<RemoteFile> files;
  for (const DownloadFile& file : download.files) {
    RemoteFile remote{file.name, {}, file.bytes, digest_from_hex(file.sha256)};
    for (const std::string& from : mirrors) remote.urls.push_back(from + file.name);
    files.push_back(std::move(remote));
  }
  return files;
}

/// Fetches and unpacks. Errors: as fetch_files and unpack_members, with how to do it by hand.
FetchSummary fetch_download(const DatasetDownload& download, const FetchRequest& request) {
  const std::filesystem::path folder = request.data / download.folder;
  ProgressLine line(std::cerr, ::isatty(STDERR_FILENO) != 0);
  FetchOptions options;
  options.ca_file = request.ca_file;
  options.stopped = [] { return g_fetch_stopped != 0; };
  options.progress = [&line](const FetchProgress& progress) {
    line.update(fetch_progress_text(progress), utc_seconds());
  };
  try {
    FetchSummary summary = fetch_files(remote_files(download, request.mirror), folder, options);
    if (summary.stopped || download.members.empty()) return summary;
    line.update("unpacking " + download.files.front().name, utc_seconds());
    unpack_members(summary.files.front().path, download.members, folder);
    std::filesystem::remove(summary.files.front().path);
    return summary;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::unavailable && error.kind() != ErrorKind::corrupt) throw;
    throw Error(error.kind(), std::string(error.what()) + "\nby hand: " + download_by_hand(download, request.data));
  }
}

std::uint64_t received_bytes(const FetchSummary& summary) {
  std::uint64_t bytes = 0;
  for (const FetchedFile& file : summary.files) bytes += file.received;
  return bytes;
}

void print_fetch_json(const FetchRequest& request, const std::string& where, bool complete,
                      const FetchSummary& summary) {
  nlohmann::ordered_json files = nlohmann::ordered_json::array();
  for (const FetchedFile& file : summary.files) {
    files.push_back({{"path", file.path.string()},
                     {"size_bytes", file.bytes},
                     {"received_bytes", file.received},
                     {"was_there", file.was_there},
                     {"url", file.url}});
  }
  std::cout << json_text(nlohmann::ordered_json{{"dataset", request.name},
                                                {"folder", where},
                                                {"complete", complete},
                                                {"received_bytes", received_bytes(summary)},
                                                {"files", std::move(files)}})
            << "\n";
}

void print_fetch_text(const FetchRequest& request, const std::string& where, const FetchSummary& summary) {
  for (const FetchedFile& file : summary.files) {
    if (file.was_there) std::cout << file.path.string() << ": is there already\n";
  }
  const double megabytes = static_cast<double>(received_bytes(summary)) / 1e6;
  std::cout << fmt::format("{}: is in {}; {:.1f} MB were fetched\n", request.name, where, megabytes);
}

ExitCode fetch_dataset(const FetchRequest& request) {
  const DatasetDownload download = dataset_download(request.name);
  DatasetStatus status = dataset_status(request.name, request.data);
  if (status.present) {
    if (request.as_json) print_fetch_json(request, status.where, true, {});
    if (!request.as_json) std::cout << request.name << ": is there already, in " << status.where << "\n";
    return kExitDone;
  }
  stop_fetch_on_signals();
  const FetchSummary summary = fetch_download(download, request);
  if (summary.stopped) {
    if (request.as_json) print_fetch_json(request, (request.data / download.folder).string(), false, summary);
    std::cerr << "stopped; the same command goes on from here: " << fetch_command(request.name, request.data) << "\n";
    return kExitInterrupted;
  }
  status = dataset_status(request.name, request.data);
  if (!status.present) throw Error(ErrorKind::invalid_input, "fetched, but it cannot be used: " + status.where);
  if (request.as_json) print_fetch_json(request, status.where, true, summary);
  if (!request.as_json) print_fetch_text(request, status.where, summary);
  return kExitDone;
}

}  // namespace

void add_datasets_fetch_command(CLI::App& datasets, const std::shared_ptr<std::string>& data, CommandLine& line) {
  CLI::App* command = datasets.add_subcommand("fetch", "Download a dataset to where it is looked for, and check it");
  auto request = std::make_shared<FetchRequest>();
  command->add_option("NAME", request->name, "One of " + published_datasets())->required();
  command->add_option("--data", *data, "Folder of the datasets (default: $ESPALIER_DATA, else ./data)");
  command->add_option("--mirror", request->mirror,
                      "https://HOST/PATH/ that has the files, in place of the dataset's own mirrors");
  command->add_option("--ca-file", request->ca_file,
                      "Certificates (PEM) of authorities to trust, of a proxy or a mirror of your site");
  command->add_flag("--json", request->as_json, "As JSON");
  command->callback([request, data, &line] {
    request->data = data_folder(*data);
    line.exit_code = fetch_dataset(*request);
  });
}

}  // namespace espalier
