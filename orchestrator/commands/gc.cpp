#include <array>
#include <iostream>
#include <optional>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "db/maintenance/garbage.h"
#include "db/write/store.h"
#include "experiments/formats/json_text.h"
#include "orchestrator/commands/commands.h"
#include "orchestrator/coordinator/lone_coordinator.h"

namespace espalier {
namespace {

struct GcOptions {
  bool dry_run = false;
  bool damaged = false;
  bool json = false;
  StoreOptions opening{.must_exist = true};
};

struct Sum {
  std::int64_t files = 0;
  std::uintmax_t bytes = 0;
};

struct Sums {
  std::array<Sum, kGarbageKinds> of_kind{};
  Sum total;
};

Sums add_up(const Garbage& garbage) {
  Sums sums;
  for (const Garbage::File& file : garbage.files) {
    for (Sum* sum : {&sums.of_kind.at(static_cast<std::size_t>(file.kind)), &sums.total}) {
      ++sum->files;
      sum->bytes += file.bytes;
    }
  }
  return sums;
}

const char* explanation(GarbageKind kind) {
  switch (kind) {
    case GarbageKind::intermediate:
      return "weights and masks on the way to results";
    case GarbageKind::resume_state:
      return "states that no open training goes on from";
    case GarbageKind::unrecorded:
      return "of stages that are not done";
    case GarbageKind::orphan:
      return "of stages that the store does not have";
    case GarbageKind::leftover:
      return "half written by processes that died";
    case GarbageKind::old_checkpoint:
      return "checkpoints of stages that are done";
    case GarbageKind::damaged:
      return "set aside as damaged";
  }
  return "";
}

void print_garbage_text(const Garbage& garbage, const Sums& sums, bool dry_run) {
  const auto megabytes = [](std::uintmax_t bytes) { return static_cast<double>(bytes) / 1e6; };
  for (std::size_t i = 0; i < kGarbageKinds; ++i) {
    const auto kind = static_cast<GarbageKind>(i);
    if (sums.of_kind[i].files == 0) continue;
    std::cout << fmt::format("{:<14} {:>7} files {:>10.1f} MB  {}\n", to_string(kind), sums.of_kind[i].files,
                             megabytes(sums.of_kind[i].bytes), explanation(kind));
  }
  std::cout << fmt::format("{} {} files, {:.1f} MB; {} files, {:.1f} MB stay\n", dry_run ? "would remove" : "removed",
                           sums.total.files, megabytes(sums.total.bytes), garbage.kept_files,
                           megabytes(garbage.kept_bytes));
}

void print_garbage_json(const Garbage& garbage, const Sums& sums, bool dry_run) {
  nlohmann::ordered_json json{{"dry_run", dry_run}, {"files", sums.total.files}, {"bytes", sums.total.bytes}};
  for (std::size_t i = 0; i < kGarbageKinds; ++i) {
    json["kinds"][std::string(to_string(static_cast<GarbageKind>(i)))] = {{"files", sums.of_kind[i].files},
                                                                          {"bytes", sums.of_kind[i].bytes}};
  }
  json["kept_files"] = garbage.kept_files;
  json["kept_bytes"] = garbage.kept_bytes;
  std::cout << json_text(json) << "\n";
}

void collect(const std::string& folder, const GcOptions& options) {
  std::optional<Store> store;
  if (!options.dry_run) {
    refuse_second_coordinator({folder});
    store.emplace(folder, options.opening);  // before any read: its lock keeps coordinators out
  }
  const Garbage garbage = find_garbage(folder, options.damaged ? Evidence::remove : Evidence::keep);
  if (store) {
    mark_garbage(*store, garbage, utc_seconds());
    remove_garbage(garbage);
  }
  const Sums sums = add_up(garbage);
  options.json ? print_garbage_json(garbage, sums, options.dry_run)
               : print_garbage_text(garbage, sums, options.dry_run);
}

}  // namespace

void add_gc_command(CLI::App& app, CommandLine& line) {
  CLI::App* command =
      app.add_subcommand("gc", "Remove artifacts that no trial needs; results, and networks of trials, stay");
  auto options = std::make_shared<GcOptions>();
  command->add_option("--store", line.store, "Folder of the results")->capture_default_str();
  command->add_flag("--dry-run", options->dry_run, "Say what would go, and change nothing");
  command->add_flag("--damaged", options->damaged, "Remove files that were set aside as damaged, too");
  command->add_flag("--allow-network-filesystem", options->opening.allow_network_filesystem,
                    "A store on NFS, Lustre, ... too");
  command->add_flag("--json", options->json, "As JSON");
  command->callback([options, &line] { collect(line.store, *options); });
}

}  // namespace espalier
