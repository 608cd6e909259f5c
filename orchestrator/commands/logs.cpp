#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <thread>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "base/error.h"
#include "base/file_error.h"
#include "base/number_option.h"
#include "db/read/store_reader.h"
#include "experiments/paths/store_paths.h"
#include "orchestrator/commands/commands.h"

namespace espalier {
namespace {

struct LogOptions {
  std::string of;
  bool follow = false;
  std::int64_t kilobytes = 16;
};

/// `pool-1.log` and `pool-1.rank0.log`, ... of a pool; those of one rank of a job.
std::vector<std::filesystem::path> find_logs(const std::string& of, const StorePaths& store) {
  std::string pool = of, rank;
  if (!of.empty() && of.find_first_not_of("0123456789") == std::string::npos) {
    const AttemptPlace place = StoreReader(store.root).attempt_place(std::stoull(of));
    pool = place.pool;
    rank = ".rank" + std::to_string(place.rank);
  }
  std::vector<std::filesystem::path> files;
  std::map<std::string, int> pools;
  std::error_code error;
  std::filesystem::directory_iterator folder(store.logs(), error);
  if (error && error != std::errc::no_such_file_or_directory)
    throw_file_error(store.logs(), "looking into it", error.value());
  for (const auto& entry : folder) {
    const std::string name = entry.path().filename().string();
    if (!name.ends_with(".log")) continue;
    const std::string stem = name.substr(0, name.size() - 4);
    ++pools[stem.substr(0, stem.rfind(".rank"))];
    if (stem == pool + rank || (rank.empty() && stem.starts_with(pool + ".rank"))) files.push_back(entry.path());
  }
  std::ranges::sort(files);
  if (!files.empty()) return files;
  std::vector<std::string> names;
  for (const auto& [name, count] : pools) names.push_back(name);
  throw Error(ErrorKind::invalid_input,
              fmt::format("no log of {} is in {}; there are those of: {}", of, store.logs().string(),
                          names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", "))));
}

/// Prints what came since last time; a file that became shorter begins anew.
class Tail {
 public:
  Tail(std::filesystem::path file, std::uintmax_t last_bytes) : file_(std::move(file)) {
    std::error_code missing;
    const std::uintmax_t size = std::filesystem::file_size(file_, missing);
    if (!missing && size > last_bytes) at_ = size - last_bytes;
  }

  void print(const std::string& prefix) {
    std::error_code missing;
    const std::uintmax_t size = std::filesystem::file_size(file_, missing);
    if (missing || size == at_) return;
    if (size < at_) at_ = 0;
    std::ifstream in(file_, std::ios::binary);
    in.seekg(static_cast<std::streamoff>(at_));
    std::string line;
    while (std::getline(in, line)) {
      if (in.eof()) break;  // the rest of this line is still to come
      at_ += line.size() + 1;
      std::cout << prefix << line << "\n";
    }
    std::cout << std::flush;
  }

 private:
  std::filesystem::path file_;
  std::uintmax_t at_ = 0;
};

void print_logs(const LogOptions& options, const std::string& store) {
  constexpr auto kPollEvery = std::chrono::milliseconds(300);
  const std::vector<std::filesystem::path> files = find_logs(options.of, StorePaths{store});
  std::vector<std::pair<std::string, Tail>> tails;
  for (const auto& file : files) {
    const std::string prefix = files.size() == 1 ? "" : file.stem().string() + ": ";
    tails.emplace_back(prefix, Tail(file, static_cast<std::uintmax_t>(options.kilobytes) << 10));
  }
  while (true) {
    for (auto& [prefix, tail] : tails) tail.print(prefix);
    if (!options.follow || !std::cout) return;  // its reader has gone
    std::this_thread::sleep_for(kPollEvery);
  }
}

}  // namespace

void add_logs_command(CLI::App& app, CommandLine& line) {
  CLI::App* command = app.add_subcommand("logs", "The last lines that a pool, or the rank of a job, wrote");
  auto options = std::make_shared<LogOptions>();
  command->add_option("POOL|JOB", options->of, "A pool's name, or a job's number (espalier ps)")->required();
  command->add_option("--store", line.store, "Folder of the results")->capture_default_str();
  command->add_flag("-f,--follow", options->follow, "Go on printing what comes, until Ctrl-C");
  command->add_option("--kilobytes", options->kilobytes, "From so far before the end of each file")
      ->check(whole_number_option(1, 1'000'000))
      ->capture_default_str();
  command->callback([options, &line] { print_logs(*options, line.store); });
}

}  // namespace espalier
