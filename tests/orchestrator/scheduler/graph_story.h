#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "experiments/graph/stage_graph.h"

namespace espalier {

/// Builds small graphs by name: `story.add("train", StageKind::train, {"init"}, 10)`. Trials are what `result` names.
class GraphStory {
 public:
  GraphStory& add(const std::string& name, StageKind kind, const std::vector<std::string>& inputs = {},
                  double cost = 1) {
    Stage stage;
    stage.key.digest = sha256(name);
    stage.kind = kind;
    stage.spec = std::make_shared<const std::string>("{}");
    stage.cost = cost;
    stage.label = name;
    for (const std::string& input : inputs) stage.inputs.push_back({InputRole::weights, index_.at(input)});
    index_[name] = static_cast<StageIndex>(graph_.stages.size());
    graph_.stages.push_back(std::move(stage));
    return *this;
  }
  GraphStory& result(const std::string& name) {
    graph_.trials.push_back({index_.at(name), {}, {}, {}});
    return *this;
  }
  /// Every stage wants so many ranks of one pool.
  GraphStory& ask_for_ranks(int ranks) {
    for (Stage& stage : graph_.stages) stage.ranks = ranks;
    return *this;
  }
  const StageGraph& graph() const { return graph_; }
  StageIndex operator[](const std::string& name) const { return index_.at(name); }
  StageKey key(const std::string& name) const { return graph_.stages[index_.at(name)].key; }
  std::vector<bool> done(const std::vector<std::string>& names) const {
    std::vector<bool> flags(graph_.stages.size(), false);
    for (const std::string& name : names) flags[index_.at(name)] = true;
    return flags;
  }
  std::string names(const std::vector<StageIndex>& stages) const {
    std::string text;
    for (const StageIndex stage : stages) text += (text.empty() ? "" : " ") + graph_.stages[stage].label;
    return text;
  }

  /// One dense network, and two prunings of it that are retrained.
  static GraphStory dense_and_two_prunings() {
    GraphStory story;
    story.add("init", StageKind::init, {}, 0.1).add("dense", StageKind::train, {"init"}, 10);
    story.add("evaluate dense", StageKind::evaluate, {"dense"}).result("evaluate dense");
    for (const std::string p : {"a", "b"}) {
      story.add("prune " + p, StageKind::prune, {"dense"}, 0.1);
      story.add("tune " + p, StageKind::train, {"dense", "prune " + p}, p == "a" ? 5 : 4);
      story.add("evaluate " + p, StageKind::evaluate, {"tune " + p, "prune " + p}).result("evaluate " + p);
    }
    return story;
  }

 private:
  StageGraph graph_;
  std::map<std::string, StageIndex> index_;
};

}  // namespace espalier
