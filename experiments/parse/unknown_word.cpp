#include "experiments/parse/unknown_word.h"

#include <algorithm>
#include <array>

#include "base/suggest.h"

namespace espalier {
namespace {

struct OtherWord {
  std::string_view written, ours;
};
constexpr std::array kOtherWords{OtherWord{"learning_rate", "lr"},
                                 OtherWord{"eta", "lr"},
                                 OtherWord{"wd", "weight_decay"},
                                 OtherWord{"l2", "weight_decay"},
                                 OtherWord{"scheduler", "lr_schedule"},
                                 OtherWord{"data", "dataset"},
                                 OtherWord{"network", "model"},
                                 OtherWord{"arch", "model"},
                                 OtherWord{"name", "sweep"},
                                 OtherWord{"replicates", "seeds"},
                                 OtherWord{"pruning", "prune"},
                                 OtherWord{"l1", "magnitude"},
                                 OtherWord{"l1_unstructured", "magnitude"},
                                 OtherWord{"ln_structured", "magnitude"},
                                 OtherWord{"unstructured", "weight"},
                                 OtherWord{"structured", "filter"},
                                 OtherWord{"neuron", "row"},
                                 OtherWord{"layerwise", "uniform"},
                                 OtherWord{"one-shot", "one_shot"},
                                 OtherWord{"imp", "iterative"},
                                 OtherWord{"ratio", "sparsity"},
                                 OtherWord{"amount", "sparsity"}};

}  // namespace

std::string unknown_word(std::string_view found, const std::vector<std::string>& choices,
                         const std::vector<std::string>& elsewhere) {
  const auto is_choice = [&](std::string_view word) { return std::ranges::find(choices, word) != choices.end(); };
  for (const OtherWord& other : kOtherWords) {
    if (found == other.written && is_choice(other.ours)) return unknown_name(found, choices, other.ours);
  }
  const auto other = std::ranges::find(kOtherWords, found, &OtherWord::written);
  const std::string end = "." + std::string(other != kOtherWords.end() ? other->ours : found);
  const auto path = std::ranges::find_if(elsewhere, [&](const std::string& one) { return one.ends_with(end); });
  return path != elsewhere.end() ? unknown_name(found, choices, *path) : unknown_name(found, choices);
}

}  // namespace espalier
