#include <iostream>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "db/maintenance/store_backup.h"
#include "db/maintenance/store_check.h"
#include "db/maintenance/store_repair.h"
#include "db/write/store.h"
#include "experiments/formats/json_text.h"
#include "orchestrator/commands/commands.h"
#include "orchestrator/commands/message_stream.h"
#include "orchestrator/coordinator/lone_coordinator.h"

namespace espalier {
namespace {

struct CheckOptions {
  bool repair = false;
  bool json = false;
  StoreOptions opening{.must_exist = true};
};

nlohmann::ordered_json to_json_rows(const StoreCheck& check) {
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (const Finding& finding : check.findings) {
    rows.push_back({{"kind", to_string(finding.kind)},
                    {"is_damage", is_damage(finding.kind)},
                    {"where", finding.where.string()},
                    {"what", finding.what},
                    {"remedy", finding.remedy},
                    {"stage_key", finding.stage}});
  }
  return rows;
}

void print_check_json(const std::string& store, const StoreCheck& check, const std::vector<Repair>& repairs) {
  nlohmann::ordered_json json{
      {"store", store},           {"artifacts", check.artifacts},    {"artifact_bytes", check.artifact_bytes},
      {"damages", check.damages}, {"findings", to_json_rows(check)}, {"repairs", nlohmann::ordered_json::array()}};
  for (const Repair& repair : repairs) {
    json["repairs"].push_back({{"where", repair.where.string()}, {"done", repair.done}});
  }
  std::cout << json_text(json) << "\n";
}

void print_check_text(const StoreCheck& check, const std::vector<Repair>& repairs) {
  for (const Finding& finding : check.findings) {
    std::cout << fmt::format("{}: {}: {}; {}\n", is_damage(finding.kind) ? "damaged" : "note", finding.where.string(),
                             finding.what, finding.remedy);
  }
  for (const Repair& repair : repairs) {
    std::cout << fmt::format("repaired: {}: {}\n", repair.where.string(), repair.done);
  }
  const auto notes = static_cast<std::int64_t>(check.findings.size()) - check.damages;
  std::cout << fmt::format("{} artifacts ({:.1f} MB) are as recorded; {} damaged, {} repaired, {} notes\n",
                           check.artifacts, static_cast<double>(check.artifact_bytes) / 1e6, check.damages,
                           repairs.size(), notes);
  if (!repairs.empty()) std::cout << "run the sweep again: what was damaged is made again\n";
}

ExitCode check(const std::string& folder, const CheckOptions& options) {
  std::optional<Store> store;
  if (options.repair) {
    refuse_second_coordinator({folder});
    store.emplace(folder, options.opening);  // before any read: its lock keeps other writers out
  }
  const StoreCheck found = check_store(folder);
  const std::vector<Repair> repairs = store ? repair_artifacts(*store, found) : std::vector<Repair>();
  options.json ? print_check_json(folder, found, repairs) : print_check_text(found, repairs);
  return static_cast<std::int64_t>(repairs.size()) < found.damages ? kExitCorrupt : kExitDone;
}

void add_check(CLI::App& db, CommandLine& line) {
  CLI::App* command = db.add_subcommand("check",
                                        "Compare a store with itself: database, artifacts, files; changes "
                                        "nothing, also while a sweep runs");
  auto options = std::make_shared<CheckOptions>();
  command->add_option("--store", line.store, "Folder of the results")->capture_default_str();
  command->add_flag("--repair", options->repair,
                    "Set damaged artifacts aside, so that the next run makes them again (not while a sweep runs)");
  command->add_flag("--allow-network-filesystem", options->opening.allow_network_filesystem,
                    "Repair a store on NFS, Lustre, ... too");
  command->add_flag("--json", options->json, "As JSON");
  command->callback([options, &line] { line.exit_code = check(line.store, *options); });
}

void add_backup(CLI::App& db, CommandLine& line) {
  CLI::App* command =
      db.add_subcommand("backup", "Copy the database, as it is now, into one file; also while a sweep runs");
  auto target = std::make_shared<std::string>();
  auto force = std::make_shared<bool>(false);
  command->add_option("FILE", *target, "The file to write; docs/maintenance.md says how to restore it")->required();
  command->add_option("--store", line.store, "Folder of the results")->capture_default_str();
  command->add_flag("--force", *force, "Replace the file if it is there");
  command->callback([target, force, &line] {
    const std::uintmax_t bytes = back_up_store(line.store, *target, *force ? Overwrite::allow : Overwrite::refuse);
    message_stream({*target}) << fmt::format("wrote {} ({:.1f} MB), checked\n", *target,
                                             static_cast<double>(bytes) / 1e6);
  });
}

}  // namespace

void add_db_command(CLI::App& app, CommandLine& line) {
  CLI::App* command = app.add_subcommand("db", "Look after a store's database: check, backup");
  command->require_subcommand(1);
  add_check(*command, line);
  add_backup(*command, line);
}

}  // namespace espalier
