#include "cluster/launch/batch_script.h"

#include <chrono>
#include <fstream>
#include <unistd.h>

#include <gmock/gmock.h>

#include "base/error.h"
#include "cluster/launch/child_process.h"

namespace espalier {
namespace {

using testing::HasSubstr;
using testing::Not;

BatchRequest small_plan() {
  BatchRequest request;
  request.name = "slurm";
  request.title = "espalier-slurm-3fa1c0";
  request.store = "/shared/my store";
  request.worker = "/opt/espalier-worker";
  request.nodes = 2;
  request.ranks_per_node = 4;
  request.gpus_per_node = 4;
  request.time_s = 7200;
  request.margin_s = 120;
  return request;
}

std::string script_refusal(const BatchRequest& request) {
  try {
    batch_script(request);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::invalid_input);
    return error.what();
  }
  return "";
}

TEST(BatchScript, TheHeadSaysWhatIsWanted) {
  BatchRequest request = small_plan();
  request.profile.partition = "gpu";
  request.profile.account = "p123";
  request.profile.extra = {"--mem=16G"};
  request.exclude = {"node3", "node7"};
  const std::string script = batch_script(request);
  EXPECT_EQ(script.rfind("#!/bin/bash\n#SBATCH ", 0), 0U);
  for (const char* line :
       {"#SBATCH --job-name=espalier-slurm-3fa1c0\n", "#SBATCH --partition=gpu\n", "#SBATCH --account=p123\n",
        "#SBATCH --nodes=2\n", "#SBATCH --ntasks=8\n", "#SBATCH --ntasks-per-node=4\n", "#SBATCH --gpus-per-node=4\n",
        "#SBATCH --time=02:00:00\n", "#SBATCH --exclude=node3,node7\n", "#SBATCH --no-requeue\n", "#SBATCH --no-kill\n",
        "#SBATCH --signal=B:USR1@60\n", "#SBATCH --open-mode=append\n",
        "#SBATCH --output=\"/shared/my store/logs/slurm-%j.log\"\n", "#SBATCH --mem=16G\n"})
    EXPECT_THAT(script, HasSubstr(line));
  request.requeue = true;
  EXPECT_THAT(batch_script(request), HasSubstr("#SBATCH --requeue\n"));
}

TEST(BatchScript, TheLauncherIsWhatTheProfileSays) {
  BatchRequest request = small_plan();
  EXPECT_THAT(batch_script(request), HasSubstr("exec mpirun -np \"$ranks\" --bind-to none"));
  request.launcher = Launcher::srun;
  EXPECT_THAT(batch_script(request), HasSubstr("exec srun --mpi='pmix' --no-kill --ntasks=\"$ranks\""));
  request.profile.container = PoolContainer{"apptainer", "/img/e.sif", {"--nv"}};
  request.profile.modules = {"apptainer/1.2"};
  request.worker = "espalier-worker";
  const std::string script = batch_script(request);
  EXPECT_THAT(script, HasSubstr("module load 'apptainer/1.2' || exit 3\n"));
  EXPECT_THAT(script, HasSubstr("'apptainer' exec \\\n    '--nv' \\\n    --bind '/shared/my store' \\\n    "
                                "'/img/e.sif' \\\n    'espalier-worker' \\\n"));
}

TEST(BatchScript, WhatAContainerCannotBindIsRefused) {
  BatchRequest request = small_plan();
  request.store = "/shared/run:2";
  EXPECT_EQ(script_refusal(request), "");
  request.profile.container = PoolContainer{"apptainer", "/img/e.sif", {}};
  EXPECT_THAT(script_refusal(request), HasSubstr("--store: \"/shared/run:2\" cannot be bound into a container"));
  request.store = "/shared/store";
  request.data = "/shared/a,b";
  EXPECT_THAT(script_refusal(request), HasSubstr("--data: \"/shared/a,b\" cannot be bound"));
}

TEST(BatchScript, PbsHasItsOwnHead) {
  BatchRequest request = small_plan();
  request.scheduler = Scheduler::pbs;
  request.store = "/shared/store";
  request.profile.partition = "workq";
  request.requeue = true;
  const std::string script = batch_script(request);
  for (const char* line :
       {"#PBS -N espalier-slurm-3fa1c0\n", "#PBS -q workq\n", "#PBS -l select=2:ncpus=4:mpiprocs=4:ngpus=4\n",
        "#PBS -l walltime=2:00:00\n", "#PBS -r y\n", "allocation=$PBS_JOBID\n"})
    EXPECT_THAT(script, HasSubstr(line));
  EXPECT_THAT(script, Not(HasSubstr("SBATCH")));
  EXPECT_THAT(script, Not(HasSubstr("qrerun")));  // for operators only
  request.launcher = Launcher::srun;
  EXPECT_THAT(script_refusal(request), HasSubstr("srun belongs to Slurm"));
  request.launcher = Launcher::mpirun;
  request.profile.qos = "high";
  EXPECT_THAT(script_refusal(request), HasSubstr("qos and constraint belong to Slurm"));
}

TEST(BatchScript, WhatAShellWouldReadIsRefusedOrQuoted) {
  for (const auto& spoil : std::vector<void (*)(BatchRequest&)>{
           [](BatchRequest& request) { request.name = "a;id"; },
           [](BatchRequest& request) { request.store = "/x/$(id)"; },
           [](BatchRequest& request) { request.store = "/x/\"y"; },
           [](BatchRequest& request) { request.store = "/x/%u"; },
           [](BatchRequest& request) { request.store = "relative"; },
           [](BatchRequest& request) { request.data = "/x\ny"; },
           [](BatchRequest& request) { request.profile.partition = "gpu\n#SBATCH --wrap=id"; },
           [](BatchRequest& request) { request.profile.account = "a b"; },
           [](BatchRequest& request) { request.exclude = {"node1;id"}; },
           [](BatchRequest& request) { request.worker = "/x/`id`"; }}) {
    BatchRequest request = small_plan();
    spoil(request);
    EXPECT_NE(script_refusal(request), "");
  }
  BatchRequest request = small_plan();
  request.profile.environment = {{"GREETING", "it's $(id)"}};
  EXPECT_THAT(batch_script(request), HasSubstr("export GREETING='it'\\''s $(id)'\n"));
}

TEST(BatchScript, ATimeThatLeavesNoneForACheckpointIsRefused) {
  BatchRequest request = small_plan();
  request.time_s = 120;
  EXPECT_THAT(script_refusal(request),
              HasSubstr("--time: 120 s is too short: a pool leaves 120 s before the end (margin) and "
                        "writes a checkpoint every 10 s, so it needs more than 130 s"));
}

// The script itself, with a launcher that does what a pool would: no scheduler needed.
class BatchScriptRun : public testing::Test {
 protected:
  BatchScriptRun()
      : folder_(std::filesystem::temp_directory_path() / ("espalier_batch_script_" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(folder_ / "pools");
  }
  ~BatchScriptRun() override { std::filesystem::remove_all(folder_); }

  void program(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / name) << "#!/bin/bash\n" << text;
    std::filesystem::permissions(folder_ / name, std::filesystem::perms::owner_all);
  }
  std::vector<std::string> command(bool requeue, const std::string& ranks = "8") {
    BatchRequest request = small_plan();
    request.store = folder_;
    request.requeue = requeue;
    std::ofstream(folder_ / "script") << batch_script(request);
    const std::string path = "PATH=" + folder_.string() + ":" + std::getenv("PATH");
    return {"/usr/bin/env",
            path,
            "SLURM_JOB_ID=17",
            "SLURM_NTASKS=" + ranks,
            "SLURM_JOB_NUM_NODES=2",
            "/bin/bash",
            (folder_ / "script").string()};
  }
  /// What it printed, after it ended with that code.
  std::string run(bool requeue, int code, const std::string& ranks = "8") {
    const CapturedOutput said = capture_output(command(requeue, ranks), std::chrono::seconds(30));
    EXPECT_TRUE(said.end && said.end->exit_code == code)
        << (said.end ? said.end->text : "late") << said.out << said.err;
    return said.out;
  }
  static constexpr const char* kArguments =
      "while (($#)); do case $1 in --left-note) note=$2;; --time-limit) left=$2;; esac; shift; done\n";
  const std::filesystem::path folder_;
};

TEST_F(BatchScriptRun, AFinishedPoolEndsIt) {
  program("mpirun", std::string("echo \"$*\"\n") + kArguments + "echo drained >\"$note\"\n");
  program("scontrol", "echo requeued anyway");
  const std::string out = run(true, 0);
  EXPECT_THAT(out, HasSubstr("--label slurm-17 --ranks 8 --time-limit 7080 "));
  EXPECT_THAT(out, HasSubstr("the launcher ended with code 0; the pool left: drained"));
  EXPECT_THAT(out, Not(HasSubstr("requeued")));
}

TEST_F(BatchScriptRun, APoolThatLeftForTheTimeLimitIsRequeuedIfThatWasAskedFor) {
  program("mpirun", std::string(kArguments) + "echo time_limit >\"$note\"\n");
  program("scontrol", "echo \"scontrol $*\"");
  EXPECT_THAT(run(true, 0), HasSubstr("scontrol requeue 17"));
  EXPECT_THAT(run(false, 0), Not(HasSubstr("requeue 17")));
}

TEST_F(BatchScriptRun, SignalsReachTheLauncherAndItsEndIsWaitedFor) {
  program("mpirun", std::string(kArguments) +
                        "trap 'echo got it; echo preempted >\"$note\"; exit 0' USR1\n"
                        "kill -USR1 $PPID\nwhile true; do sleep 0.05; done\n");
  program("scontrol", "echo \"scontrol $*\"");
  const std::string out = run(true, 0);
  EXPECT_THAT(out, HasSubstr("got it"));
  EXPECT_THAT(out, HasSubstr("scontrol requeue 17"));
}

TEST_F(BatchScriptRun, AUsr1ThatEndsTheLauncherIsRequeuedToo) {
  program("mpirun", "kill -USR1 $PPID\nsleep 20\n");  // without a handler
  program("scontrol", "echo \"scontrol $*\"");
  const std::string out = run(true, 138);
  EXPECT_THAT(out, HasSubstr("the launcher ended with code 138"));
  EXPECT_THAT(out, HasSubstr("scontrol requeue 17"));
}

TEST_F(BatchScriptRun, ASignalInThePauseAfterACrashIsNotForgotten) {
  program("mpirun", "(sleep 0.5; kill -USR1 $PPID) >/dev/null 2>&1 &\nexit 9\n");
  program("scontrol", "echo \"scontrol $*\"");
  const std::string out = run(true, 9);
  EXPECT_THAT(out, HasSubstr("it is started again"));
  EXPECT_THAT(out, HasSubstr("scontrol requeue 17"));
  EXPECT_EQ(out.find("the launcher ended"), out.rfind("the launcher ended"));
}

TEST_F(BatchScriptRun, ATermIsTheSchedulersAndNothingIsAskedOfIt) {
  program("mpirun", std::string(kArguments) +
                        "trap 'echo preempted >\"$note\"; exit 0' USR1\n"
                        "kill -TERM $PPID; kill -USR1 $PPID\nwhile true; do sleep 0.05; done\n");
  program("scontrol", "echo \"scontrol $*\"");
  program("squeue", "echo COMPLETING");
  const std::string out = run(true, 0);
  EXPECT_THAT(out, HasSubstr("the pool left: preempted"));
  EXPECT_THAT(out, Not(HasSubstr("scontrol")));
}

TEST_F(BatchScriptRun, ACrashedPoolIsStartedAgain) {
  program("mpirun", std::string(kArguments) + "if [[ -e " + (folder_ / "once").string() +
                        " ]]; then echo idle >\"$note\"; exit 0; fi\ntouch " + (folder_ / "once").string() +
                        "\nexit 9\n");
  const std::string out = run(false, 0);
  EXPECT_THAT(out, HasSubstr("ended with code 9"));
  EXPECT_THAT(out, HasSubstr("it is started again"));
  EXPECT_THAT(out, HasSubstr("the pool left: idle"));
}

TEST_F(BatchScriptRun, AWorldOfAnotherSizeIsNotStarted) {
  program("mpirun", "echo begun");
  const std::string out = run(false, 3, "4");
  EXPECT_THAT(out, HasSubstr("the scheduler gave 4 ranks where 8 were asked for"));
  EXPECT_THAT(out, Not(HasSubstr("begun")));
}

}  // namespace
}  // namespace espalier
