#include "experiments/expand/prune_points.h"

#include <algorithm>
#include <variant>

#include <fmt/format.h>

#include "base/error.h"
#include "experiments/catalog/catalog.h"
#include "experiments/expand/dense_config.h"
#include "experiments/expand/name_patterns.h"
#include "experiments/expand/spread_counts.h"
#include "experiments/expand/train_recipe.h"

namespace espalier {
namespace {

constexpr std::size_t kMostGradualUpdates = 10'000;

class PrunePointMaker {
 public:
  PrunePointMaker(const PruneSetting& setting, const DenseConfig& network, const SweepSpec& spec, Problems& problems)
      : setting_(setting),
        network_(network),
        spec_(spec),
        keys_(*spec.prune),
        problems_(problems),
        model_(describe_model(network.config.model)) {}

  PrunePoints make() {
    if (!check_prune_setting(setting_, keys_, problems_) || !find_protected() || !find_scopes() || !find_steps()) {
      return {};
    }
    const KeyPlace& place = keys_.sparsity.given() ? spec_.sparsity_place : spec_.prune_place;
    const PointsQuestion question{setting_, keys_, made_.scopes,      network_.layers, count_model(model_).parameters,
                                  gradual_, place, model_.graph.get()};
    made_.points = make_operating_points(question, problems_);
    if (std::ranges::find(spec_.controls, Control::erk_random) != spec_.controls.end()) spread_controls();
    return std::move(made_);
  }

 private:
  bool find_protected() {
    std::vector<std::string> names;
    for (const PrunableLayer& layer : network_.layers) names.push_back(layer.name);
    std::vector<bool> is_protected(names.size());
    Problems found;
    for (const NamePattern& pattern : keys_.protect) {
      for (const std::size_t i : find_matches(pattern.text, names, pattern.place, found)) is_protected[i] = true;
    }
    problems_.add_all(found);
    for (std::size_t i = 0; i < names.size(); ++i) {
      const bool output = setting_.dialect && setting_.dialect->protects_output && network_.layers[i].is_output;
      if (is_protected[i] || output) made_.protect.push_back(names[i]);
    }
    return found.empty();
  }

  bool find_scopes() {
    const std::string& criterion = setting_.criterion.name;
    const CriterionEntry& entry = find_criterion(criterion);
    if (has(entry.properties, CriterionProperty::feeds_ones) && takes_tokens(model_)) {
      problems_.add(keys_.criterion_place, criterion + " feeds a network with ones, which criterion and model " +
                                               model_.name + " do not agree on: its inputs are numbers of words");
      return false;
    }
    std::int64_t weights = 0;  // protected layers too: the criterion scores them
    for (const PrunableLayer& layer : network_.layers) weights += layer.weights;
    if (const std::int64_t most = entry.most_weights; weights > most) {
      problems_.add(keys_.criterion_place,
                    fmt::format("{} takes networks of up to {} prunable weights, and model {} has {}; obd_fisher and "
                                "sparsegpt take networks of any size",
                                criterion, most, model_.name, weights));
      return false;
    }
    try {
      made_.scopes = prune_scopes(model_, setting_.granularity, criterion, made_.protect);
      made_.granularity = with_reduction(setting_, made_.scopes);
      find_random_twin();
      return true;
    } catch (const Error& error) {
      const bool has_granularity = keys_.granularity.given();
      problems_.add(has_granularity ? keys_.granularity_place : keys_.criterion_place, error.what());
      return false;
    }
  }

  /// Random numbers can score every layer. The twin leaves alone what the method has to leave alone.
  void find_random_twin() {
    made_.random_protect = made_.protect;
    const auto same = [this](const std::vector<PruneScope>& scopes) {
      return std::ranges::equal(scopes, made_.scopes, {}, &PruneScope::name, &PruneScope::name);
    };
    if (same(prune_scopes(model_, setting_.granularity, made_.protect))) return;
    made_.random_protect.clear();
    for (const PrunableLayer& layer : network_.layers) {
      const bool in_scope = std::ranges::any_of(made_.scopes, [&](const PruneScope& scope) {
        return std::ranges::any_of(
            scope.members, [&](const ScopeMember& member) { return !member.reads() && member.layer == layer.name; });
      });
      if (!in_scope) made_.random_protect.push_back(layer.name);
    }
    if (same(prune_scopes(model_, setting_.granularity, made_.random_protect))) return;
    throw Error(ErrorKind::internal, "criterion " + setting_.criterion.name + " has no random twin");
  }

  /// Of a schedule inside the training.
  bool find_steps() {
    const ScheduleSetting& schedule = setting_.schedule;
    if (!schedule.gradual) return true;
    const TrainRecipe& train = network_.config.train;
    const std::int64_t epoch = steps_per_epoch(network_.config.dataset.train, train.batch_size);
    const std::int64_t start = schedule.gradual->start.in_steps(epoch), end = schedule.gradual->end.in_steps(epoch);
    const std::int64_t every = schedule.gradual->every.in_steps(epoch);
    const auto refuse = [&](const std::string& what) {
      problems_.add(schedule.place, fmt::format("prunes from step {} to {}, every {}: {}", start, end, every, what));
      return false;
    };
    if (end <= start) return refuse("the end is not after the start");
    gradual_ = gradual_steps(start, end, every, schedule.initial > 0, setting_.dialect);
    if (gradual_->progress.empty() || gradual_->progress.back() <= 0) return refuse("no update falls into that time");
    if (gradual_->progress.size() > kMostGradualUpdates)
      return refuse(fmt::format("more than {} updates", kMostGradualUpdates));
    const auto updates = static_cast<std::int64_t>(gradual_->progress.size());
    const std::int64_t last = gradual_->first_step + (updates - 1) * every;
    if (last >= train.steps) {
      return refuse(fmt::format("the last update is before step {} of a training of {} steps (0 to {}, {} an epoch)",
                                last, train.steps, train.steps - 1, epoch));
    }
    made_.gradual = GradualConfig{gradual_->first_step, every};
    made_.gradual_start = start;
    return true;
  }

  void spread_controls() {
    const bool pattern = setting_.granularity.kind == Granularity::Kind::n_of_m;
    for (const OperatingPoint& point : made_.points) {
      const auto spread = pattern ? std::nullopt : spread_by_erk(point, made_.scopes, network_.layers, setting_.align);
      if (spread) {
        made_.by_erk.push_back(*spread);
        continue;
      }
      problems_.add(spec_.controls_place, "erk_random spreads counts over single layers, which granularity " +
                                              to_string(setting_.granularity) + " does not have; leave it out");
      made_.points.clear();
      return;
    }
  }

  const PruneSetting& setting_;
  const DenseConfig& network_;
  const SweepSpec& spec_;
  const PruneKeys& keys_;
  Problems& problems_;
  const ModelDescription model_;
  std::optional<GradualSteps> gradual_;
  PrunePoints made_;
};

}  // namespace

PrunePoints make_prune_points(const PruneSetting& setting, const DenseConfig& network, const SweepSpec& spec,
                              Problems& problems) {
  return PrunePointMaker(setting, network, spec, problems).make();
}

}  // namespace espalier
