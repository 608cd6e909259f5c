// What a rank says of its stages, as far as the database: it is decoded, the core decides what it counts for, and the
// store writes that down. Whatever decodes is written, or refused as a change that the schema does not allow.

#include <limits>
#include <map>
#include <memory>
#include <optional>

#include <nlohmann/json.hpp>

#include "base/random.h"
#include "cluster/protocol/protocol.h"
#include "db/sqlite/refused_change.h"
#include "db/write/store.h"
#include "orchestrator/pools/rank_environment.h"
#include "orchestrator/scheduler/core.h"
#include "tests/fuzz/scratch_file.h"
#include "tests/fuzz/targets/targets.h"
#include "tests/orchestrator/scheduler/graph_story.h"

namespace espalier {
namespace {

constexpr int kRanks = 2;
constexpr PoolId kPool = 1;

GraphStory told_graph() {
  return GraphStory::dense_and_two_prunings();
}

/// A core and a rank of it for one input; the store is made anew now and then, since it grows.
class Believer {
 public:
  void handle(const std::vector<RankReport>& reports) {
    constexpr std::uint64_t kInputsOfAStore = 20'000;
    if (heard_++ % kInputsOfAStore == 0) open_store();
    Core core({++generation_});
    jobs_.clear();
    perform(core.add_sweep({sweep_, "fuzz", story_.graph(), story_.done({})}, 0));
    perform(core.on_pool_joined(kPool, "pool", kRanks, 0));
    for (int rank = 0; rank < kRanks; ++rank) perform(core.on_rank_ready(kPool, rank, {0, "node"}, {}, 0));
    for (const RankReport& report : reports) tell(core, report);
    write();
    for (const Stage& stage : story_.graph().stages) changes_.emplace_back(StageReopened{stage.key, ""});
    write();
  }

 private:
  void open_store() {
    store_.reset();
    place_.emplace("store");
    store_.emplace(place_->path());
    sweep_ = store_->record_sweep("fuzz", "", {}, story_.graph());
  }

  /// As it is, and as if it were about what the rank has: its attempt, and the stage that is next there.
  void tell(Core& core, const RankReport& report) {
    constexpr Now kNow = 1;
    if (const RankReady* ready = std::get_if<RankReady>(&report)) {
      hear_environment(ready->environment);
      perform(core.on_rank_ready(kPool, 0, {0, ready->host, ready->gpu, ready->memory_gb}, ready->held, kNow));
    } else if (const StageReached* reached = std::get_if<StageReached>(&report)) {
      changes_.emplace_back(StageFinished{reached->outcome, 0, kNow});  // as one that lay in the spool
      write();
      perform(core.on_stage_reached(kPool, 0, reached->outcome, kNow));
      const std::vector<Core::RunningJob> running = core.running_jobs(kRanks);
      if (running.empty()) return;
      StageOutcome own = reached->outcome;
      own.attempt = running.front().attempt;
      own.key = running.front().key;
      perform(core.on_stage_reached(kPool, running.front().rank, std::move(own), kNow));
    } else if (const JobEnded* ended = std::get_if<JobEnded>(&report)) {
      AttemptEnd end{ended->attempt, ended->interrupted, ended->started, ended->progressed, ended->cause};
      perform(core.on_job_ended(kPool, 0, end, kNow));
      if (jobs_.empty()) return;
      end.attempt = jobs_.begin()->first;
      perform(core.on_job_ended(kPool, jobs_.begin()->second, end, kNow));
      jobs_.erase(jobs_.begin());
    } else if (const JobProgress* progress = std::get_if<JobProgress>(&report)) {
      core.on_progress(kPool, progress->attempt, progress->loss);
    }
  }

  void hear_environment(const std::string& json) {
    try {
      changes_.emplace_back(EnvironmentSeen{++environments_, checked_environment(json)});
      write();
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::corrupt) throw;
    }
  }

  void perform(const Effects& effects) {
    for (const Effect& effect : effects) {
      if (const Record* record = std::get_if<Record>(&effect)) changes_.push_back(record->change);
      if (const SendJob* send = std::get_if<SendJob>(&effect)) jobs_[send->job.attempt] = send->rank;
    }
  }

  void write() {
    try {
      store_->apply(changes_);
    } catch (const RefusedChange&) {  // the coordinator goes on without it
    }
    changes_.clear();
  }

  const GraphStory story_ = told_graph();
  std::uint64_t heard_ = 0;
  std::uint32_t generation_ = 0;
  std::optional<ScratchFile> place_;
  std::optional<Store> store_;
  SweepId sweep_ = 0;
  EnvironmentId environments_ = 0;
  std::map<std::uint64_t, int> jobs_;  ///< by attempt: the rank that has it
  std::vector<StoreChange> changes_;
};

StageOutcome told_outcome(const std::string& stage) {
  StageOutcome outcome;
  outcome.key = told_graph().key(stage);
  outcome.attempt = (std::uint64_t{1} << 32) + 1;
  outcome.wall_s = 1.5;
  outcome.artifact_sha256 = to_hex(outcome.key);
  outcome.artifact_bytes = 1066440;
  return outcome;
}

std::vector<RankReport> told_training() {
  StageOutcome init = told_outcome("init"), dense = told_outcome("dense"), evaluation = told_outcome("evaluate dense");
  dense.steps = 1000;
  dense.metrics = {{500, "train_loss", 0.5}, {1000, "validation_loss", 0.25}};
  dense.best_validation_loss = 0.25;
  dense.test_accuracy_at_best_validation = 0.9;
  evaluation.evaluation = Evaluation::of_classes(0.98, 0.07, {1.0, 0.5});
  return {StageReached{init}, StageReached{dense}, StageReached{evaluation}, JobEnded{init.attempt, false, true, true}};
}

std::vector<RankReport> told_pruning() {
  StageOutcome prune = told_outcome("prune a");
  prune.layers = {{"fc1", 235200, 23520, 23520, 23000, 7}, {"fc2", 30000, -1, 3000, -1, -1}};
  prune.connectivity = Connectivity{true, 7, 26000};
  prune.shrunk_size = NetworkSize{27010, 26600, 108500};
  prune.warnings = {"fc2 is nearly empty"};
  prune.sensitivity = {{"fc1", 0.5, 235200, 117600, 0.25}};
  StageOutcome tune = told_outcome("tune a");
  tune.diverged = tune.collapsed = true;
  return {StageReached{prune}, StageReached{tune}, JobProgress{tune.attempt, tune.key, 5, 10, 0.5}};
}

std::vector<RankReport> told_failure(ErrorKind kind, LossCause cause) {
  StageOutcome failed = told_outcome("init");
  failed.failure = Failure{kind, "no", cause, {told_graph().key("init")}};
  return {StageReached{failed}, JobEnded{failed.attempt, true, true, false, cause}, RankReady{"{}", "node", {1}}};
}

using nlohmann::json;

/// Values that are odd, and yet of a kind that some field has.
std::vector<json> odd_values() {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  std::vector<json> values{0,
                           -1,
                           1,
                           std::int64_t{1} << 53,
                           (std::int64_t{1} << 53) + 1,
                           std::numeric_limits<std::uint64_t>::max(),
                           std::numeric_limits<std::int64_t>::min(),
                           0.0,
                           1.0,
                           -0.0,
                           5e-324,
                           1e300,
                           kInfinity,
                           -kInfinity,
                           std::numeric_limits<double>::quiet_NaN(),
                           true,
                           false,
                           json(),
                           json::array(),
                           "",
                           "x",
                           "a\nb",
                           std::string("a\0b", 3),
                           "\xf0\x9f\x8c\xb2",
                           "\xff",
                           "'; DROP TABLE stages; --",
                           std::string(1000, 'n'),
                           std::string(70'000, 'p'),
                           std::string(64, 'a'),
                           "error",
                           "corrupt",
                           "damaged_input",
                           "disk_full",
                           "\xef\xbb\xbf{}",
                           "{\"host\": 5}",
                           "{\"host\": {\"a\": [1e308, null]}}",
                           std::string("{}\0{", 4)};
  const GraphStory story = told_graph();
  for (const Stage& stage : story.graph().stages)
    values.push_back(json::binary({stage.key.digest.begin(), stage.key.digest.end()}));
  return values;
}

void collect_leaves(json& tree, std::vector<json*>& leaves) {
  leaves.push_back(&tree);
  if (!tree.is_array()) return;
  for (json& element : tree) collect_leaves(element, leaves);
}

/// One value is odd, doubled or left out.
void make_odd(json& tree, RandomStream& random) {
  static const std::vector<json> values = odd_values();
  std::vector<json*> leaves;
  collect_leaves(tree, leaves);
  json& leaf = *leaves[random.below(leaves.size())];
  if (!leaf.is_array() || leaf.empty()) {
    leaf = values[random.below(values.size())];
  } else if (random.below(4) == 0) {
    leaf.erase(leaf.begin() + static_cast<std::ptrdiff_t>(random.below(leaf.size())));
  } else {
    leaf.push_back(json(leaf[random.below(leaf.size())]));
  }
}

/// What the bytes stand for. Few that were changed at random are reports: the others stand for some with a few odd
/// values, of those that decode.
std::vector<RankReport> reports_of(const std::vector<std::string>& seeds, std::string_view bytes) {
  const auto decoded = [](std::string_view cbor) -> std::optional<std::vector<RankReport>> {
    try {
      return decode_reports(cbor);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::corrupt) throw;
      return std::nullopt;
    }
  };
  if (auto reports = decoded(bytes)) return *reports;
  RandomStream random(0, bytes, 0);
  json tree = json::from_cbor(seeds[random.below(seeds.size())]);
  std::vector<RankReport> reports;
  for (std::uint64_t tries = 1 + random.below(12); tries > 0; --tries) {
    json odd = tree;
    make_odd(odd, random);
    const std::vector<std::uint8_t> cbor = json::to_cbor(odd);
    auto good = decoded({reinterpret_cast<const char*>(cbor.data()), cbor.size()});
    if (!good) continue;
    tree = std::move(odd);
    reports = std::move(*good);
  }
  return reports;
}

}  // namespace

FuzzTarget outcomes_target() {
  FuzzTarget target = wire_target("outcomes");
  target.seeds = {encode(told_training()), encode(told_pruning())};
  for (const LossCause cause : list_loss_causes())
    target.seeds.push_back(encode(told_failure(ErrorKind::exhausted, cause)));
  target.held_besides = 4 << 20;  // the store's and the core's own
  const auto believer = std::make_shared<Believer>();
  target.read = [believer, seeds = target.seeds](std::string_view bytes) {
    believer->handle(reports_of(seeds, bytes));
    return true;
  };
  return target;
}

}  // namespace espalier
