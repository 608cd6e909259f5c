#include <gmock/gmock.h>

#include "tests/experiments/sweep_story.h"

namespace espalier {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const std::string kResourcesSweep =
    "sweep: s\ndataset: mnist\nmodel: lenet-300-100\ntrain: {lr: 0.1, batch_size: 60, epochs: 2}\n";

TEST(ResourcesKey, says_what_each_job_asks) {
  const Resources asked = spec_of(kResourcesSweep + "resources: {gpus: 0.25, memory_gb: 8, label: a100}\n").resources;
  EXPECT_EQ(asked, (Resources{0.25, 8, "a100"}));
  EXPECT_TRUE(spec_of(kResourcesSweep).resources.asks_nothing());
}

TEST(ResourcesKey, every_problem_has_its_place_and_a_suggestion) {
  EXPECT_THAT(problems(kResourcesSweep + "resources: {gpus: 2, memory_gb: -1, lable: a100}\n"),
              testing::UnorderedElementsAre(HasSubstr("s.yaml:5:19: resources.gpus"),
                                            HasSubstr("s.yaml:5:33: resources.memory_gb"), HasSubstr("did you mean")));
}

}  // namespace
}  // namespace espalier
