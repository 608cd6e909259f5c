#include "experiments/pools/pool_profile.h"

#include <filesystem>

#include <gmock/gmock.h>

#include "base/files.h"
#include "experiments/pools/pool_words.h"
#include "tests/experiments/sweep_story.h"

namespace espalier {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<std::string> problems_of(const std::string& text) {
  return texts(parse_pool_profile(text, "site.yaml").diagnostics);
}

TEST(PoolProfile, EveryKeyIsRead) {
  const ParsedPoolProfile parsed = parse_pool_profile(
      "scheduler: slurm\npartition: gpu,gpu-long\naccount: p123\nqos: high\nconstraint: \"[a100|h100]\"\n"
      "modules: [cuda/12.1, openmpi/4.1.4]\n"
      "container: {program: singularity, image: /img/e.sif, arguments: [--nv, --bind, /scratch]}\n"
      "launcher: srun\nmpi: pmix_v4\nlauncher_options: [--cpu-bind=none]\nextra: [--mem=16G, --exclusive]\n"
      "environment: {NCCL_DEBUG: WARN, GREETING: it's $HOME}\nworker: /opt/espalier-worker\n"
      "labels: [a100]\ntime: 1-12:00:00\nnodes: 2\nranks_per_node: 4\ngpus_per_node: 4\nmargin: 90\n",
      "site.yaml");
  EXPECT_THAT(texts(parsed.diagnostics), IsEmpty());
  const PoolProfile& profile = parsed.profile;
  EXPECT_EQ(profile.scheduler, Scheduler::slurm);
  EXPECT_EQ(profile.partition, "gpu,gpu-long");
  EXPECT_EQ(profile.constraint, "[a100|h100]");
  EXPECT_THAT(profile.modules, ElementsAre("cuda/12.1", "openmpi/4.1.4"));
  EXPECT_EQ(profile.container->program, "singularity");
  EXPECT_THAT(profile.container->arguments, ElementsAre("--nv", "--bind", "/scratch"));
  EXPECT_EQ(profile.launcher, Launcher::srun);
  EXPECT_EQ(profile.mpi, "pmix_v4");
  EXPECT_THAT(profile.extra, ElementsAre("--mem=16G", "--exclusive"));
  EXPECT_EQ(profile.environment[1].second, "it's $HOME");
  EXPECT_THAT(profile.labels, ElementsAre("a100"));
  EXPECT_EQ(profile.time_s, 36 * 3600);
  EXPECT_EQ(profile.margin_s, 90);
}

TEST(PoolProfile, UnknownKeysHaveTheirPlaceAndASuggestion) {
  EXPECT_THAT(problems_of("partiton: gpu\ncontainer: {images: x}\n"),
              ElementsAre(HasSubstr("container.image: is missing"),
                          HasSubstr("site.yaml:2:13: container.images: unknown \"images\"; did you mean \"image\"?"),
                          HasSubstr("site.yaml:1:1: partiton: unknown \"partiton\"; did you mean \"partition\"?")));
}

TEST(PoolProfile, NothingThatAShellWouldReadGetsIn) {
  for (const char* text :
       {"partition: \"gpu; rm -rf /\"", "account: \"$(id)\"", "modules: [\"cuda; id\"]", "modules: [\"-x\"]",
        "constraint: \"a b\"", "worker: \"/bin/`id`\"", "container: {image: \"/x$HOME\"}", "environment: {\"A B\": 1}",
        "extra: [\"--mem=1 --x\"]", "extra: [\"--comment=$(id)\"]", "extra: [\"mem=1\"]", "extra: [\"--mem=1#\"]",
        "launcher_options: [\"a'b\"]", "environment: {A: \"x\\ny\"}", "qos: \"\"", "mpi: \"pmix --x\""}) {
    EXPECT_EQ(problems_of(text).size(), 1U) << text;
  }
}

TEST(PoolProfile, WhatTheScriptSetsItselfIsNotAnExtra) {
  EXPECT_THAT(problems_of("extra: [--nodes=3, --output=x, --array=1-3]"),
              ElementsAre(HasSubstr("--nodes is set by the key nodes"), HasSubstr("--output is set by the pool itself"),
                          HasSubstr("--array is set by the option --count")));
  EXPECT_THAT(problems_of("extra: [--exclude=n1, --part=gpu, --gpus=2, --exclusive, --mem=1G]"),
              ElementsAre(HasSubstr("--exclude is set by the pool itself"),
                          HasSubstr("--part is short for --partition, which is set by the key partition")));
}

TEST(PoolProfile, NobodyElsesJobIsAnExtra) {
  EXPECT_THAT(problems_of("extra: [--uid=0, --gid=0, --export=NONE, --exp=NONE, --chdir=/, --clusters=b, --version]"),
              ElementsAre(HasSubstr("--uid is set by no option: a pool runs as the user who submits it"),
                          HasSubstr("--gid"), HasSubstr("--export is set by the key environment"),
                          HasSubstr("--exp is short for --export, which is set by the key environment"),
                          HasSubstr("--chdir is set by the pool itself"), HasSubstr("--clusters"),
                          HasSubstr("--version is set by no option: no pool would start")));
  EXPECT_THAT(problems_of("scheduler: pbs\nextra: [\"-u root\", \"-l place=pack,walltime=9:00:00\", \"-W block=true\", "
                          "\"-J 1-3\", \"-W depend=afterok:5\", \"-l place=pack\", \"-m n\"]"),
              ElementsAre(HasSubstr("-u is set by no option"), HasSubstr("-l walltime is set by the key time"),
                          HasSubstr("-W block is set by no option"), HasSubstr("-J is set by the option --count")));
  EXPECT_THAT(
      problems_of("launcher_options: [-np, 3, --export=NONE, --wdir, /, -x, A=1, --map-by=node, --mca, btl, ^tcp]"),
      ElementsAre(HasSubstr("-np is set by the key ranks_per_node"), HasSubstr("--export is set by"),
                  HasSubstr("--wdir is set by the pool itself")));
}

TEST(PoolProfile, TheOptionsOfPbsHaveABlank) {
  const ParsedPoolProfile parsed = parse_pool_profile("scheduler: pbs\nextra: [\"-l place=scatter\"]\n", "site.yaml");
  EXPECT_THAT(texts(parsed.diagnostics), IsEmpty());
  EXPECT_THAT(parsed.profile.extra, ElementsAre("-l place=scatter"));
  EXPECT_EQ(problems_of("scheduler: pbs\nextra: [\"-l place=$(id)\"]\n").size(), 1U);
}

TEST(PoolProfile, WrongValuesSayWhatIsExpected) {
  EXPECT_THAT(
      problems_of("scheduler: lsf\nnodes: 0\ntime: soon\nmodules: cuda\n"),
      testing::UnorderedElementsAre(HasSubstr("unknown \"lsf\""), HasSubstr("an integer from 1 to 10000"),
                                    HasSubstr("expected a time such as 90 (minutes)"), HasSubstr("expected a list")));
}

TEST(PoolProfile, ThoseThatComeWithEspalierAreGood) {
  int seen = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::filesystem::path(ESPALIER_SOURCE_DIR) / "cluster/profiles")) {
    const ParsedPoolProfile parsed = parse_pool_profile(read_file(entry.path(), 1 << 16), entry.path().string());
    EXPECT_THAT(texts(parsed.diagnostics), IsEmpty());
    EXPECT_TRUE(parsed.profile.scheduler && parsed.profile.time_s && parsed.profile.ranks_per_node) << entry.path();
    ++seen;
  }
  EXPECT_EQ(seen, 4);
}

TEST(TimeLimit, IsWrittenAsSlurmWritesIt) {
  EXPECT_EQ(parse_time_limit("90"), 5400);
  EXPECT_EQ(parse_time_limit("90:30"), 5430);
  EXPECT_EQ(parse_time_limit("2:30:01"), 9001);
  EXPECT_EQ(parse_time_limit("1-12"), 36 * 3600);
  EXPECT_EQ(parse_time_limit("1-12:30"), 36 * 3600 + 1800);
  EXPECT_EQ(parse_time_limit("1-00:00:05"), 86405);
  for (const char* text : {"", "0", "-5", "1h", "1:2:3:4", "1-", "-", "1-2-3", "99999999999999999999", "1:", ":1"})
    EXPECT_FALSE(parse_time_limit(text)) << text;
  EXPECT_EQ(time_limit_text(9001), "02:30:01");
  EXPECT_EQ(time_limit_text(36 * 3600 + 5), "1-12:00:05");
}

}  // namespace
}  // namespace espalier
