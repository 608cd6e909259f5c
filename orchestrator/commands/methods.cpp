#include <iostream>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "experiments/catalog.h"
#include "orchestrator/commands/commands.h"

namespace espalier {
namespace {

std::string_view needs_text(CriterionNeeds needs) {
  switch (needs) {
    case CriterionNeeds::needs_nothing:
      return "the weights alone";
    case CriterionNeeds::needs_data:
      return "data";
    case CriterionNeeds::needs_gradient:
      return "data and gradients";
  }
  return "";
}

nlohmann::json as_json(std::span<const CatalogEntry> entries) {
  nlohmann::json list = nlohmann::json::array();
  for (const CatalogEntry& entry : entries) {
    list.push_back({{"name", entry.name}, {"formula", entry.formula}, {"paper", entry.paper}, {"about", entry.about}});
  }
  return list;
}

void print_json() {
  nlohmann::json criteria = nlohmann::json::array();
  for (const CriterionEntry& entry : list_criteria()) {
    criteria.push_back({{"name", entry.name},
                        {"formula", entry.formula},
                        {"paper", entry.paper},
                        {"needs", needs_text(entry.needs)},
                        {"about", entry.about}});
  }
  std::cout << nlohmann::json{{"criteria", criteria},
                              {"allocations", as_json(list_allocations())},
                              {"schedules", as_json(list_schedules())},
                              {"retrains", as_json(list_retrains())},
                              {"optimizers", as_json(list_optimizers())},
                              {"inits", as_json(list_inits())}}
                   .dump(2)
            << "\n";
}

void print_section(std::string_view title, std::span<const CatalogEntry> entries) {
  std::cout << "\n" << title << "\n";
  for (const CatalogEntry& entry : entries) {
    std::cout << fmt::format("  {:<15} {}\n", entry.name, entry.about);
    if (!entry.formula.empty()) std::cout << fmt::format("  {:<15} {}\n", "", entry.formula);
    if (!entry.paper.empty()) std::cout << fmt::format("  {:<15} {}\n", "", entry.paper);
  }
}

void print_text() {
  std::cout << "Methods (prune.method, or prune.criterion): how important is a weight? Higher scores are kept.\n";
  for (const CriterionEntry& entry : list_criteria()) {
    std::cout << fmt::format("  {:<15} {}\n  {:<15} score {}; needs {}\n  {:<15} {}\n", entry.name, entry.about, "",
                             entry.formula, needs_text(entry.needs), "", entry.paper);
  }
  print_section("Allocations (prune.allocation): how is the budget spread over the layers?", list_allocations());
  print_section("Schedules (prune.schedule): when, and how much at a time?", list_schedules());
  print_section("Retraining (retrain): what follows a prune?", list_retrains());
  print_section("Optimizers (train.optimizer)", list_optimizers());
  print_section("Initialisations (init)", list_inits());
}

}  // namespace

void add_methods_command(CLI::App& app, CommandLine&) {
  CLI::App* command =
      app.add_subcommand("methods", "Criteria, allocations, schedules and retrainings: formula, paper, needs");
  auto json = std::make_shared<bool>(false);
  command->add_flag("--json", *json, "As JSON");
  command->callback([json] { *json ? print_json() : print_text(); });
}

}  // namespace espalier
