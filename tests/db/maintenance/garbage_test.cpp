#include "db/maintenance/garbage.h"

#include <map>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "db/maintenance/store_check.h"
#include "db/read/store_reader.h"
#include "tests/db/maintenance/artifact_files.h"

namespace espalier {
namespace {

using testing::IsEmpty;
using testing::UnorderedElementsAre;

class GarbageTest : public testing::Test {
 protected:
  void record() { store_.record_sweep(sample_.name, sample_.yaml, sample_.trials, sample_.graph); }
  void finish_roles(const std::vector<SampleStage>& roles) {
    std::vector<StoreChange> changes;
    for (const SampleStage role : roles) changes.emplace_back(finish_with_file(paths_, stage(role)));
    store_.apply(changes);
  }
  const Stage& stage(SampleStage role) const { return sample_.graph.stages[role]; }
  bool there(SampleStage role) const { return std::filesystem::exists(paths_.artifact(stage(role).key)); }
  bool done(SampleStage role) { return store_.done_stages(sample_.graph)[role]; }

  /// Stages whose artifacts can go.
  std::vector<SampleStage> intermediate() const {
    std::vector<SampleStage> roles;
    for (const StageKey& key : find_garbage(root_, Evidence::keep).to_mark) {
      for (std::size_t i = 0; i < kStagesPerSeed; ++i) {
        if (sample_.graph.stages[i].key == key) roles.push_back(static_cast<SampleStage>(i));
      }
    }
    return roles;
  }
  std::vector<GarbageKind> kinds(Evidence evidence = Evidence::keep) const {
    std::vector<GarbageKind> kinds;
    for (const Garbage::File& file : find_garbage(root_, evidence).files) kinds.push_back(file.kind);
    return kinds;
  }
  void collect() {
    const Garbage garbage = find_garbage(root_, Evidence::keep);
    mark_garbage(store_, garbage, 5.0);
    remove_garbage(garbage);
  }

  TemporaryFolder folder_;
  std::filesystem::path root_ = folder_.path / "store";
  Store store_{root_};
  StorePaths paths_{root_};
  SampleSweep sample_ = make_sample_sweep(1);
};

TEST_F(GarbageTest, OfAFinishedSweepNetworksAndMasksStay) {
  record();
  store_.apply(finish_all_with_files(paths_, sample_.graph));
  EXPECT_THAT(intermediate(), UnorderedElementsAre(init, early));
  EXPECT_TRUE(there(init));  // looking changed nothing
  collect();
  for (const SampleStage role : {trained, prune, retrain, random_prune, random_retrain})
    EXPECT_TRUE(there(role)) << role;
  EXPECT_FALSE(there(init));
  EXPECT_FALSE(there(early));
  EXPECT_EQ(ask(paths_, "SELECT group_concat(label) FROM stages WHERE artifact_removed_at = 5"),
            "init seed 0,train to 500 seed 0");
  EXPECT_THAT(check_store(root_).findings, IsEmpty());
  EXPECT_EQ(ask(paths_, "SELECT count(*) FROM results"), "3");
  EXPECT_THAT(find_garbage(root_, Evidence::keep).files, IsEmpty());
}

TEST_F(GarbageTest, OfASweepUnderWayWhatItGoesOnFromStays) {
  record();
  finish_roles({init, early});
  write_text(resume_state(paths_, stage(early)), "x");
  EXPECT_THAT(kinds(), IsEmpty());  // the training to 1000 resumes there, and both retrainings begin there
  finish_roles({trained});
  EXPECT_THAT(kinds(), UnorderedElementsAre(GarbageKind::resume_state, GarbageKind::intermediate));
  EXPECT_THAT(intermediate(), UnorderedElementsAre(init));
  finish_roles({dense_evaluate, prune, retrain, evaluate, random_prune, random_retrain});
  EXPECT_THAT(intermediate(), UnorderedElementsAre(init, early));
}

TEST_F(GarbageTest, WhatAMissingFileIsMadeAgainFromStays) {
  record();
  finish_roles({init, early, trained, dense_evaluate, prune, random_prune, random_retrain, random_evaluate});
  std::filesystem::remove(paths_.artifact(stage(early).key));  // and retrain is yet to read it
  EXPECT_THAT(intermediate(), IsEmpty());
}

TEST_F(GarbageTest, WhatWasClearedAwayIsDoneAgainWhenNeededAndOnlyThen) {
  record();
  store_.apply(finish_all_with_files(paths_, sample_.graph));
  collect();
  EXPECT_FALSE(done(init));
  EXPECT_FALSE(done(early));
  EXPECT_TRUE(done(trained));
  EXPECT_FALSE(StoreReader(root_).done_stages(sample_.graph)[early]);
  EXPECT_EQ(ask(paths_, "SELECT count(*) FROM stages WHERE state = 'done' AND note IS NULL"), "10");

  store_.apply({finish_with_file(paths_, stage(early), 1)});  // a late echo of what was recorded before: not news
  EXPECT_EQ(ask(paths_, "SELECT count(*) FROM stages WHERE artifact_removed_at IS NULL"), "8");
  store_.apply({finish_with_file(paths_, stage(early), 2)});
  EXPECT_EQ(ask(paths_, "SELECT attempt FROM stages WHERE label LIKE 'train to 500%'"), "2");
  EXPECT_EQ(ask(paths_, "SELECT count(*) FROM stages WHERE artifact_removed_at IS NULL"), "9");
  EXPECT_TRUE(done(early));
}

TEST_F(GarbageTest, CutShortAfterTheMarksItLosesNothing) {
  record();
  store_.apply(finish_all_with_files(paths_, sample_.graph));
  mark_garbage(store_, find_garbage(root_, Evidence::keep), 5.0);
  EXPECT_TRUE(done(init));  // its file is there still
  const StoreCheck check = check_store(root_);
  EXPECT_EQ(check.damages, 0);
  ASSERT_EQ(check.findings.size(), 2U);
  EXPECT_EQ(check.findings[0].kind, FindingKind::removal_cut_short);
  collect();
  EXPECT_FALSE(there(init));
  EXPECT_THAT(check_store(root_).findings, IsEmpty());
}

TEST_F(GarbageTest, AMarkedFileThatIsNeededAfterAllStaysAndIsUnmarked) {
  record();
  finish_roles({init, early});
  store_.apply({ArtifactRemoved{stage(early).key, 5.0}});
  EXPECT_THAT(find_garbage(root_, Evidence::keep).to_unmark, testing::ElementsAre(stage(early).key));
  collect();
  EXPECT_TRUE(there(early));
  EXPECT_EQ(ask(paths_, "SELECT count(*) FROM stages WHERE artifact_removed_at IS NOT NULL"), "0");
}

TEST_F(GarbageTest, CurvesOfSensitivityStay) {
  StageGraph graph = make_noop_graph(1);
  graph.stages[0].kind = StageKind::sensitivity;
  store_.record_sweep("curves", "", {}, graph);
  store_.apply(finish_all_with_files(paths_, graph));
  EXPECT_THAT(kinds(), IsEmpty());
}

TEST_F(GarbageTest, LeftoversGoAndEvidenceStaysUnlessAskedFor) {
  record();
  finish_roles({init, early, trained});
  const auto artifact = [&](SampleStage role) { return paths_.artifact(stage(role).key); };
  write_text(artifact(prune), "x");                                         // unrecorded
  write_text(paths_.artifact(StageKey{sha256("unknown")}), "x");            // orphan
  write_text(with_ending(artifact(prune), ".tmp999999999-0a1b2c3d"), "x");  // leftover
  write_text(with_ending(artifact(prune), ".tmp" + std::to_string(::getpid())), "x");
  write_text(with_ending(artifact(early), ".damaged"), "x");
  write_text(paths_.checkpoint(stage(early).key), "x");    // of a stage that is done
  write_text(paths_.checkpoint(stage(retrain).key), "x");  // of one that goes on from it
  write_text(paths_.artifacts() / "notes.txt", "x");
  const auto kind_set = UnorderedElementsAre(GarbageKind::unrecorded, GarbageKind::orphan, GarbageKind::leftover,
                                             GarbageKind::old_checkpoint, GarbageKind::intermediate);
  EXPECT_THAT(kinds(), kind_set);
  EXPECT_EQ(kinds(Evidence::remove).size(), 6U);
  collect();
  EXPECT_TRUE(std::filesystem::exists(with_ending(artifact(early), ".damaged")));
  EXPECT_TRUE(std::filesystem::exists(paths_.checkpoint(stage(retrain).key)));
  EXPECT_TRUE(std::filesystem::exists(paths_.artifacts() / "notes.txt"));
  EXPECT_THAT(kinds(), IsEmpty());
}

TEST_F(GarbageTest, WhatAPoolMayBeWritingStays) {
  record();
  finish_roles({init, early});
  store_.apply({AttemptStarted{9, "local-1", 0, 0, {stage(trained).key}, 1.0}});  // and its coordinator died
  write_text(paths_.artifact(stage(trained).key), "x");
  write_text(with_ending(paths_.artifact(stage(trained).key), ".tmp999999999"), "x");  // of another machine, perhaps
  EXPECT_THAT(kinds(), IsEmpty());
  store_.apply({AttemptEnded{9, "lost", "", 2.0}});
  EXPECT_THAT(kinds(), UnorderedElementsAre(GarbageKind::unrecorded, GarbageKind::leftover));
}

TEST_F(GarbageTest, AnExtendedSweepFindsWhatItNeedsOrMakesItAgain) {
  SampleSweep small = sample_;  // without the random control
  small.graph.stages.resize(random_prune);
  small.graph.trials.resize(2);
  small.trials.resize(2);
  store_.record_sweep("small", "", small.trials, small.graph);
  store_.apply(finish_all_with_files(paths_, small.graph));
  collect();
  EXPECT_FALSE(there(early));
  record();
  // Now the retraining of the control reads the rewind point, which is made again from the initial weights.
  const std::vector<bool> now_done = store_.done_stages(sample_.graph);
  for (std::size_t i = 0; i < now_done.size(); ++i) {
    const bool to_do = i == init || i == early || i >= random_prune;
    EXPECT_EQ(now_done[i], !to_do) << i;
  }
  finish_roles({random_prune});
  store_.apply({finish_with_file(paths_, stage(init), 2)});
  EXPECT_THAT(intermediate(), IsEmpty());
  store_.apply({finish_with_file(paths_, stage(early), 2)});
  EXPECT_THAT(intermediate(), UnorderedElementsAre(init));
}

}  // namespace
}  // namespace espalier
