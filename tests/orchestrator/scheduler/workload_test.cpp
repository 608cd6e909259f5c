#include "orchestrator/scheduler/workload.h"

#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"
#include "tests/orchestrator/scheduler/graph_story.h"

namespace espalier {
namespace {

/// `own` trains from what every sweep shares: init -> shared -> own.
GraphStory two_networks(const std::string& own) {
  GraphStory story;
  story.add("init", StageKind::init).add("shared", StageKind::train, {"init"});
  story.add(own, StageKind::evaluate, {"shared"}).result(own);
  return story;
}

class Workloads : public testing::Test {
 protected:
  std::vector<StageIndex> add(SweepId id, const GraphStory& graph, int priority = 0, Resources resources = {}) {
    SweepToRun sweep{id, "sweep-" + std::to_string(id), graph.graph(), graph.done({})};
    sweep.priority = priority;
    sweep.resources = std::move(resources);
    return workload_.add(sweep);
  }
  StageIndex at(const std::string& name) const { return workload_.find({sha256(name)}).value(); }
  SweepId owner(const std::string& name) { return workload_.owner(at(name)).id; }
  void end(SweepId id) { workload_.find_active(id)->end = SweepEnd::cancelled; }
  /// Urgencies by the stages' labels.
  std::multimap<std::string, int> targets() const {
    std::multimap<std::string, int> by_name;
    for (const Target& target : workload_.targets())
      by_name.emplace(workload_.graph().stages[target.stage].label, target.urgency);
    return by_name;
  }
  std::vector<SweepId> wanted_by(const std::string& name) {
    std::vector<SweepId> ids;
    for (const Workload::Sweep* sweep : workload_.wanted_by(at(name))) ids.push_back(sweep->id);
    return ids;
  }
  std::vector<bool> nothing() const { return std::vector<bool>(workload_.graph().stages.size(), false); }

  Workload workload_;
};

using Targets = std::multimap<std::string, int>;
using Ids = std::vector<SweepId>;

TEST_F(Workloads, EqualStagesBecomeOne) {
  const std::vector<StageIndex> first = add(1, two_networks("a")), second = add(2, two_networks("b"));
  EXPECT_EQ(workload_.graph().stages.size(), 4U);
  EXPECT_EQ(second[0], first[0]);
  EXPECT_EQ(second[1], first[1]);
  EXPECT_EQ(second[2], at("b"));
  EXPECT_EQ(workload_.sweeps()[1].first_trial, 1U);
  EXPECT_FALSE(workload_.find({sha256("c")}));
}

TEST_F(Workloads, OnlyResultsAreTargetsAndTheSweepsUrgencyIsTheirs) {
  add(1, two_networks("a"), 5);
  add(2, two_networks("b"));
  EXPECT_EQ(targets(), (Targets{{"a", 5}, {"b", 0}}));
  workload_.find_active(1)->paused = true;
  EXPECT_EQ(targets(), (Targets{{"a", Target::kHeld}, {"b", 0}}));
  end(2);
  EXPECT_EQ(targets(), (Targets{{"a", Target::kHeld}}));
  EXPECT_EQ(workload_.find_active(2), nullptr);
}

TEST_F(Workloads, TheFirstActiveSweepThatNeedsAStageOwnsIt) {
  Resources gpu;
  gpu.gpus = 1;
  add(1, two_networks("a"), 0, gpu);
  add(2, two_networks("b"));
  const std::vector<StageGroup> before = workload_.groups();
  EXPECT_EQ(owner("shared"), 1);
  EXPECT_EQ(owner("b"), 2);
  EXPECT_EQ(workload_.demand(before[at("shared")]).resources, gpu);
  EXPECT_EQ(workload_.demand(before[at("b")]).resources, Resources{});

  // The one that asked for a GPU is gone, and what it asked for with it.
  end(1);
  const std::vector<StageGroup> after = workload_.groups();
  EXPECT_EQ(owner("init"), 2);
  EXPECT_EQ(owner("shared"), 2);
  EXPECT_EQ(workload_.demand(after[at("shared")]).resources, Resources{});
  EXPECT_EQ(owner("a"), 1);  // that nobody needs any more
  EXPECT_EQ(workload_.unneeded(), 1U);
}

TEST_F(Workloads, StagesOfOneDemandAreOneGroup) {
  Resources label;
  label.label = "big";
  add(1, two_networks("a").ask_for_ranks(2), 0, label);
  add(2, two_networks("b"), 0, label);  // "b" alone is its own, of one rank
  const std::vector<StageGroup> groups = workload_.groups();
  EXPECT_EQ(groups[at("init")], groups[at("a")]);
  EXPECT_NE(groups[at("b")], groups[at("a")]);
  EXPECT_EQ(workload_.demand(groups[at("a")]), (Demand{2, label}));
  EXPECT_EQ(workload_.demand(groups[at("b")]), (Demand{1, label}));
  EXPECT_EQ(workload_.groups(), groups);  // and stays so
}

TEST_F(Workloads, AStageIsWantedByAllWhoseResultsNeedIt) {
  add(1, two_networks("a"));
  add(2, two_networks("b"));
  EXPECT_EQ(wanted_by("init"), (Ids{1, 2}));
  EXPECT_EQ(wanted_by("b"), Ids{2});
  end(1);
  EXPECT_EQ(wanted_by("init"), Ids{2});
  EXPECT_EQ(wanted_by("a"), Ids{});
}

TEST_F(Workloads, WhatOneResumesFromIsWantedAndKept) {
  GraphStory story;
  story.add("first", StageKind::train).add("later", StageKind::train).result("later");
  StageGraph graph = story.graph();
  graph.stages[1].resume_from = StageIndex{0};
  SweepToRun sweep{1, "one", graph, {false, false}};
  workload_.add(sweep);
  workload_.groups();
  EXPECT_EQ(wanted_by("first"), Ids{1});
  EXPECT_EQ(workload_.unneeded(), 0U);
  const Renumbering to = workload_.forget(nothing());
  EXPECT_TRUE(to.has(0));
}

TEST_F(Workloads, ForgettingLeavesWhatIsNeededAndItsNumbersAgree) {
  add(1, two_networks("a"));
  GraphStory alone;
  alone.add("x", StageKind::train).add("y", StageKind::evaluate, {"x"}).result("y");
  add(2, alone);
  add(3, two_networks("b"));
  const StageIndex b = at("b"), x = at("x"), y = at("y");
  end(1);
  end(2);
  workload_.groups();
  EXPECT_EQ(workload_.unneeded(), 3U);  // a, x, y
  std::vector<bool> kept = nothing();
  kept[y] = true;  // and so what it needs
  const Renumbering to = workload_.forget(kept);
  EXPECT_EQ(workload_.graph().stages.size(), 5U);
  EXPECT_FALSE(workload_.find({sha256("a")}));
  EXPECT_EQ(at("b"), to[b]);
  EXPECT_EQ(at("x"), to[x]);
  EXPECT_EQ(workload_.graph().stages[at("y")].inputs.at(0).stage, at("x"));
  EXPECT_EQ(workload_.graph().stages[at("b")].inputs.at(0).stage, at("shared"));
  const Workload::Sweep& left = *workload_.find_active(3);
  EXPECT_EQ(workload_.graph().trials.size(), 1U);
  EXPECT_EQ(workload_.graph().trials[left.first_trial].evaluate, at("b"));
  EXPECT_EQ(targets(), (Targets{{"b", 0}}));
  workload_.groups();
  EXPECT_EQ(owner("shared"), 3);
  EXPECT_EQ(workload_.unneeded(), 2U);  // x, y
}

TEST_F(Workloads, ASweepOfTheSameIdTakesTheOthersPlace) {
  add(1, two_networks("a"));
  end(1);
  add(1, two_networks("b"));
  EXPECT_EQ(workload_.sweeps().size(), 1U);
  EXPECT_EQ(targets(), (Targets{{"b", 0}}));
}

TEST_F(Workloads, ASweepWithoutTrialsWantsAllOfItsStages) {
  GraphStory story;
  story.add("a", StageKind::noop).add("b", StageKind::noop);
  add(1, story);
  EXPECT_EQ(targets(), (Targets{{"a", 0}, {"b", 0}}));
}

}  // namespace
}  // namespace espalier
