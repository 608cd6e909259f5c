#include <iostream>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "experiments/catalog/catalog.h"
#include "experiments/formats/json_text.h"
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
    case CriterionNeeds::needs_example_gradients:
      return "data and gradients of each example";
  }
  return "";
}

std::string_view scores_text(CriterionScores scores) {
  switch (scores) {
    case CriterionScores::scores_weights:
      return "weights";
    case CriterionScores::draws_scores:
      return "weights or units by numbers drawn for them, without a look at the network";
    case CriterionScores::scores_outputs:
      return "whole outputs (granularity row, filter or channel)";
    case CriterionScores::scores_normed_outputs:
      return "whole outputs that a batch norm takes (granularity filter or channel)";
    case CriterionScores::scores_activated_outputs:
      return "whole outputs that a ReLU takes (granularity row, filter or channel)";
    case CriterionScores::repairs_weights:
      return "weights, and changes those that stay (granularity weight or n:m)";
  }
  return "";
}

constexpr CatalogEntry kGranularities[] = {
    {"weight", "", "", "Single weights"},
    {"block 4x4", "reduction mean", "", "Blocks of outputs by inputs; what is left at the edges is a block, too"},
    {"2:4", "", "Mishra et al. 2021, arXiv:2104.08378", "Of every 4 consecutive inputs of an output, 2 are KEPT"},
    {"row", "reduction l2", "", "All weights of one output of a linear layer: a neuron"},
    {"filter", "reduction l2", "Li et al. 2017, arXiv:1608.08710",
     "All weights of one output channel of a convolution"},
    {"channel", "reduction l2", "Liu et al. 2017, arXiv:1708.06519",
     "An output of all layers that are added up or normalised together, with biases and norms"},
    {"head", "reduction l2", "Michel et al. 2019, arXiv:1905.10650", "One attention head"},
    {"layer", "reduction l2", "", "A residual block, or a layer of a stack"}};

constexpr CatalogEntry kRepairs[] = {
    {"refit", "W_S + W_R C_RS (C_SS + l I)^-1, C of the uncut inputs", "He et al. 2017, arXiv:1707.06168",
     "Fits layers that read removed channels or heads to what they gave before"},
    {"bn_stats", "", "Li et al. 2020, arXiv:2007.02491", "Estimates the running statistics of batch norms anew"}};

nlohmann::json as_json(const auto& entries) {
  nlohmann::json list = nlohmann::json::array();
  for (const CatalogEntry& entry : entries) {
    list.push_back({{"name", entry.name}, {"formula", entry.formula}, {"paper", entry.paper}, {"about", entry.about}});
  }
  return list;
}

void print_methods_json() {
  nlohmann::json criteria = nlohmann::json::array();
  for (const CriterionEntry& entry : list_criteria()) {
    criteria.push_back({{"name", entry.name},
                        {"formula", entry.formula},
                        {"paper", entry.paper},
                        {"needs", needs_text(entry.needs)},
                        {"scores", scores_text(entry.scores)},
                        {"reduction", to_string(entry.reduction)},
                        {"compares_layers", entry.ranks == CriterionRanks::across_layers},
                        {"options", default_options(entry)},
                        {"about", entry.about}});
  }
  std::cout << json_text(nlohmann::json{{"criteria", criteria},
                                        {"allocations", as_json(list_allocations())},
                                        {"granularities", as_json(kGranularities)},
                                        {"repairs", as_json(kRepairs)},
                                        {"schedules", as_json(list_schedules())},
                                        {"dialects", as_json(list_dialects())},
                                        {"retrains", as_json(list_retrains())},
                                        {"optimizers", as_json(list_optimizers())},
                                        {"inits", as_json(list_inits())}})
            << "\n";
}

void print_section(std::string_view title, const auto& entries) {
  std::cout << "\n" << title << "\n";
  for (const CatalogEntry& entry : entries) {
    std::cout << fmt::format("  {:<15} {}\n", entry.name, entry.about);
    if (!entry.formula.empty()) std::cout << fmt::format("  {:<15} {}\n", "", entry.formula);
    if (!entry.paper.empty()) std::cout << fmt::format("  {:<15} {}\n", "", entry.paper);
  }
}

void print_methods_text() {
  std::cout << "Methods (prune.method, or prune.criterion): how important is a weight? Higher scores are kept.\n";
  for (const CriterionEntry& entry : list_criteria()) {
    std::cout << fmt::format("  {:<15} {}\n  {:<15} score {}; needs {}\n  {:<15} {}\n", entry.name, entry.about, "",
                             entry.formula, needs_text(entry.needs), "", entry.paper);
    if (entry.scores != CriterionScores::scores_weights) {
      std::cout << fmt::format("  {:<15} scores {}\n", "", scores_text(entry.scores));
    }
    if (entry.ranks == CriterionRanks::within_layers)
      std::cout << fmt::format("  {:<15} scores are comparable within a layer alone\n", "");
    if (!entry.options.empty()) std::cout << fmt::format("  {:<15} options {}\n", "", options_text(entry));
  }
  print_section("Allocations (prune.allocation): how is the budget spread over the layers?", list_allocations());
  print_section(
      "Granularities (prune.granularity): what is removed together? Reductions: sum, mean, l1, l2, max, as in filter "
      "l1.",
      kGranularities);
  print_section("Repairs (prune.repair): what makes up for a cut before it is trained?", kRepairs);
  print_section("Schedules (prune.schedule): when, and how much at a time?", list_schedules());
  print_section("Dialects (prune.dialect): how does another program count?", list_dialects());
  print_section("Retraining (retrain): what follows a prune?", list_retrains());
  print_section("Optimizers (train.optimizer)", list_optimizers());
  print_section("Initialisations (init)", list_inits());
}

}  // namespace

void add_methods_command(CLI::App& app, CommandLine&) {
  CLI::App* command = app.add_subcommand(
      "methods", "Criteria, allocations, granularities, schedules, dialects and retrainings: formula, paper, needs");
  auto json = std::make_shared<bool>(false);
  command->add_flag("--json", *json, "As JSON");
  command->callback([json] { *json ? print_methods_json() : print_methods_text(); });
}

}  // namespace espalier
