#include "cluster/launch/slurm.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace espalier {
namespace {

TEST(Slurm, TheListingIsRead) {
  const auto rows = parse_squeue("17|PENDING|Priority\n18|RUNNING|None\n19|COMPLETING|None\n20|TIMEOUT|TimeLimit\n");
  ASSERT_EQ(rows.size(), 4U);
  EXPECT_EQ(rows[0].id, "17");
  EXPECT_EQ(rows[0].state, AllocationState::queued);
  EXPECT_EQ(rows[0].reason, "Priority");
  EXPECT_EQ(rows[1].state, AllocationState::running);
  EXPECT_EQ(rows[2].state, AllocationState::ending);
  EXPECT_EQ(rows[3].state, AllocationState::ended);
  EXPECT_EQ(rows[3].word, "TIMEOUT");
  EXPECT_TRUE(parse_squeue("").empty());
  for (const char* text : {"17 RUNNING", "17|RUNNING", "|RUNNING|None", "1;2|RUNNING|None"})
    EXPECT_THROW(parse_squeue(text), Error) << text;
}

TEST(Slurm, ARefusalBecomesASentence) {
  const std::string said =
      "sbatch: error: invalid partition specified: nope\nsbatch: error: Batch job submission failed: Invalid partition "
      "name specified\n";
  EXPECT_EQ(explain_refusal(said, "nope", {"main", "gpu"}),
            "--partition: Slurm has no partition \"nope\" (it has main, gpu)");
  EXPECT_EQ(explain_refusal("sbatch: error: Batch job submission failed: Invalid account\n", "", {}),
            "Slurm refuses this pool: Batch job submission failed: Invalid account");
}

}  // namespace
}  // namespace espalier
