#include "db/read/store_reader.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/error.h"
#include "base/suggest.h"
#include "base/utf8.h"
#include "db/read/failure_query.h"
#include "db/read/measured_cost.h"
#include "db/read/stage_query.h"
#include "db/sqlite/column_reader.h"
#include "db/sqlite/prepared.h"
#include "db/sqlite/read_only_database.h"
#include "db/sqlite/sqlite_errors.h"
#include "experiments/paths/store_paths.h"

namespace espalier {
namespace {

/// "sweep, dataset, ...", as `visit_columns` visits a row.
template <typename Row, typename VisitColumns>
std::string column_names(VisitColumns visit_columns) {
  std::string names;
  Row row;
  visit_columns(row, [&](const char* name, const auto&) { names += (names.empty() ? "" : ", ") + std::string(name); });
  return names;
}

std::string result_column_names() {
  return column_names<ResultRow>([](auto& row, auto&& visit) { visit_result_columns(row, visit); });
}

std::string latency_column_names() {
  return column_names<LatencyRow>([](auto& row, auto&& visit) { visit_latency_columns(row, visit); });
}

}  // namespace

/// A filter on a column of sweep_results; "" admits all.
struct TextFilter {
  const char* column;
  std::string ResultFilter::*value;
};
constexpr TextFilter kTextFilters[] = {{"dataset", &ResultFilter::dataset},
                                       {"model", &ResultFilter::model},
                                       {"method", &ResultFilter::method},
                                       {"schedule", &ResultFilter::schedule},
                                       {"control", &ResultFilter::control}};

struct StoreReader::Impl {
  explicit Impl(const std::filesystem::path& root)
      : paths{root}, database(with_sqlite_errors(paths.database(), [&] { return open_read_only(root); })) {}

  template <typename Work>
  auto reading(Work&& work) const {
    return with_sqlite_errors(paths.database(), std::forward<Work>(work));
  }

  void check_sweep(const std::string& label) const {
    if (label.empty()) return;
    std::vector<std::string> labels;
    Prepared(database, "SELECT label FROM sweeps ORDER BY id").each([&](SQLite::Statement& row) {
      labels.push_back(row.getColumn(0).getString());
    });
    for (const std::string& known : labels) {
      if (known == label) return;
    }
    throw Error(
        ErrorKind::invalid_input,
        paths.root.string() + ": sweep: " + (labels.empty() ? "the store has none yet" : unknown_name(label, labels)));
  }

  /// Refuses values that no trial of the filter's sweep has, whether it has a result yet or not.
  void check_filter(const ResultFilter& filter) const {
    check_sweep(filter.sweep);
    const std::string refused = paths.root.string() + (filter.sweep.empty() ? "" : ", sweep " + filter.sweep) + ": ";
    const auto known = [&](const std::string& column) {
      std::vector<std::string> values;
      Prepared(database,
               "SELECT DISTINCT " + column +
                   " FROM sweep_trials x JOIN sweeps w ON w.id = x.sweep_id JOIN trials t ON t.id = x.trial_id"
                   " JOIN models m ON m.id = t.model_id WHERE (?1 = '' OR w.label = ?1) AND " +
                   column + " != '' ORDER BY 1")
          .each([&](SQLite::Statement& row) { values.push_back(to_utf8(row.getColumn(0).getString())); }, filter.sweep);
      return values;
    };
    for (const TextFilter& one : kTextFilters) {
      const std::string& value = filter.*one.value;
      if (value.empty()) continue;
      const std::vector<std::string> values = known(one.column == std::string("model") ? "m.name" : one.column);
      if (!values.empty() && std::ranges::find(values, value) == values.end())
        throw Error(ErrorKind::invalid_input, refused + one.column + ": " + unknown_name(value, values));
    }
    if (!filter.sparsity_target) return;
    const std::vector<std::string> values = known("t.sparsity_target");
    for (const std::string& value : values) {
      if (std::abs(std::stod(value) - *filter.sparsity_target) < 1e-9) return;
    }
    if (values.empty()) return;
    const bool is_percent = *filter.sparsity_target > 1;
    throw Error(ErrorKind::invalid_input,
                fmt::format("{}sparsity: no trial has {}{}; there are {}", refused, *filter.sparsity_target,
                            is_percent ? fmt::format(" ({} % is written {})", *filter.sparsity_target,
                                                     *filter.sparsity_target / 100)
                                       : "",
                            fmt::join(values, ", ")));
  }

  StorePaths paths;
  SQLite::Database database;
};

StoreReader::StoreReader(const std::filesystem::path& root) : impl_(std::make_unique<Impl>(root)) {}
StoreReader::~StoreReader() = default;
StoreReader::StoreReader(StoreReader&&) noexcept = default;

std::vector<ResultRow> StoreReader::results(const ResultFilter& filter, Which which) const {
  return impl_->reading([&] {
    impl_->check_filter(filter);
    std::vector<ResultRow> rows;
    Prepared(impl_->database,
             "SELECT " + result_column_names() +
                 (which == Which::all ? " FROM sweep_results WHERE" : " FROM results WHERE") +
                 " (?1 = '' OR sweep = ?1) AND (?2 = '' OR dataset = ?2)"
                 " AND (?3 = '' OR model = ?3) AND (?4 = '' OR method = ?4) AND (?5 = '' OR schedule = ?5)"
                 " AND (?6 = '' OR control = ?6) AND (?7 IS NULL OR abs(sparsity_target - ?7) < 1e-9)")
        .each(
            [&](SQLite::Statement& statement) {
              ColumnReader columns(statement);
              visit_result_columns(rows.emplace_back(), [&](const char*, auto& value) { columns >> value; });
            },
            filter.sweep, filter.dataset, filter.model, filter.method, filter.schedule, filter.control,
            filter.sparsity_target);
    return rows;
  });
}

std::vector<SweepRow> StoreReader::sweeps() const {
  return impl_->reading([&] {
    std::vector<SweepRow> rows;
    Prepared(impl_->database,
             "SELECT w.id, w.label, w.state, w.created_at, w.changed_at,"
             " (SELECT count(*) FROM sweep_trials t WHERE t.sweep_id = w.id),"
             " (SELECT count(*) FROM sweep_trials t JOIN trials i ON i.id = t.trial_id"
             "  JOIN evaluations e ON e.stage_id = i.evaluate_stage WHERE t.sweep_id = w.id),"
             " (SELECT count(*) FROM sweep_trials t JOIN trials i ON i.id = t.trial_id"
             "  JOIN evaluations e ON e.stage_id = i.evaluate_stage LEFT JOIN stages p ON p.id = i.masks_stage"
             "  LEFT JOIN stages l ON l.id = i.last_train_stage"
             "  WHERE t.sweep_id = w.id AND (p.connected = 0 OR l.collapsed = 1)),"
             " (SELECT count(*) FROM sweep_trials t JOIN trials i ON i.id = t.trial_id"
             "  JOIN stages e ON e.id = i.evaluate_stage WHERE t.sweep_id = w.id AND e.state = 'failed'),"
             " CASE WHEN sum(s.state = 'failed') > 0 THEN (SELECT count(*) FROM sweep_trials t"
             "  JOIN trials i ON i.id = t.trial_id JOIN stages e ON e.id = i.evaluate_stage"
             "  WHERE t.sweep_id = w.id AND e.state = 'waiting' AND EXISTS (SELECT 1 FROM trial_stages x"
             "  JOIN stages f ON f.id = x.stage_id WHERE x.trial_id = i.id AND f.state = 'failed')) ELSE 0 END,"
             " count(s.id), coalesce(sum(s.state = 'done'), 0), coalesce(sum(s.state = 'failed'), 0),"
             " (SELECT count(DISTINCT a.number) FROM attempts a JOIN attempt_stages x ON x.attempt = a.number"
             "  JOIN sweep_stages y ON y.stage_id = x.stage_id AND y.sweep_id = w.id WHERE a.ended_at IS NULL),"
             " max(s.finished_at)"
             " FROM sweeps w LEFT JOIN sweep_stages m ON m.sweep_id = w.id LEFT JOIN stages s ON s.id = m.stage_id"
             " GROUP BY w.id ORDER BY w.id")
        .each([&](SQLite::Statement& statement) {
          SweepRow& row = rows.emplace_back();
          ColumnReader(statement) >> row.id >> row.label >> row.state >> row.created_at >> row.changed_at >>
              row.trials >> row.trials_done >> row.trials_collapsed >> row.trials_failed >> row.trials_blocked >>
              row.stages >> row.stages_done >> row.stages_failed >> row.running_attempts >> row.last_finished_at;
        });
    return rows;
  });
}

std::vector<FailedStageRow> StoreReader::failures(const std::string& sweep, std::int64_t limit) const {
  return impl_->reading([&] {
    impl_->check_sweep(sweep);
    std::vector<FailedStageRow> rows;
    Prepared(impl_->database,
             "SELECT s.key, s.label, s.failure_kind, s.failure_message, coalesce(s.failure_cause, 'error'),"
             " s.attempt, s.finished_at, v.host,"
             " (SELECT count(*) FROM trial_stages t WHERE t.stage_id = s.id)"
             " FROM stages s LEFT JOIN environments v ON v.id = s.environment_id"
             " WHERE s.state = 'failed' AND (?1 = '' OR s.id IN (SELECT m.stage_id FROM sweep_stages m JOIN sweeps w"
             " ON w.id = m.sweep_id WHERE w.label = ?1)) ORDER BY s.finished_at DESC, s.id LIMIT ?2")
        .each(
            [&](SQLite::Statement& statement) {
              FailedStageRow& row = rows.emplace_back();
              ColumnReader(statement) >> row.key >> row.label >> row.failure_kind >> row.failure_message >>
                  row.failure_cause >> row.attempt >> row.finished_at >> row.host >> row.trials;
            },
            sweep, limit);
    return rows;
  });
}

std::vector<ChargedFailureRow> StoreReader::charged_failures(const std::string& sweep, std::int64_t limit) const {
  return impl_->reading([&] {
    impl_->check_sweep(sweep);
    return find_charged_failures(impl_->database, sweep, limit);
  });
}

std::vector<DivergedStageRow> StoreReader::diverged_stages(const std::string& sweep, std::int64_t limit) const {
  return impl_->reading([&] {
    impl_->check_sweep(sweep);
    return find_diverged_stages(impl_->database, sweep, limit);
  });
}

std::vector<TrialFateRow> StoreReader::trial_fates(const std::string& sweep) const {
  return impl_->reading([&] {
    impl_->check_sweep(sweep);
    return find_trial_fates(impl_->database, sweep);
  });
}

std::vector<HostWorkRow> StoreReader::work_by_host(const std::string& sweep) const {
  return impl_->reading([&] {
    impl_->check_sweep(sweep);
    return find_work_by_host(impl_->database, sweep);
  });
}

std::map<std::string, std::int64_t> StoreReader::jobs_finished_by_host(double since) const {
  return impl_->reading([&] { return find_jobs_finished_by_host(impl_->database, since); });
}

StageDetails StoreReader::stage(const std::string& name) const {
  return impl_->reading([&] { return find_stage_details(impl_->database, name); });
}

AttemptPlace StoreReader::attempt_place(std::uint64_t attempt) const {
  return impl_->reading([&] {
    std::optional<AttemptPlace> place;
    Prepared(impl_->database, "SELECT pool, rank FROM attempts WHERE number = ?")
        .each([&](SQLite::Statement& row) { ColumnReader(row) >> place.emplace().pool >> place->rank; },
              static_cast<std::int64_t>(attempt));
    if (!place) {
      throw Error(ErrorKind::invalid_input,
                  "no job has the number " + std::to_string(attempt) + "; espalier ps lists those that run");
    }
    return *place;
  });
}

std::vector<MetricPoint> StoreReader::metrics(const std::string& key) const {
  return impl_->reading([&] {
    std::vector<MetricPoint> points;
    Prepared(impl_->database,
             "SELECT m.step, m.name, m.value FROM metrics m JOIN stages s ON s.id = m.stage_id WHERE s.key = ?"
             " ORDER BY m.name, m.step")
        .each(
            [&](SQLite::Statement& statement) {
              MetricPoint& point = points.emplace_back();
              std::optional<double> value;
              ColumnReader(statement) >> point.step >> point.name >> value;
              point.value = value.value_or(std::numeric_limits<double>::quiet_NaN());
            },
            key);
    return points;
  });
}

std::vector<MaskOverlapRow> StoreReader::mask_overlaps(const std::string& sweep) const {
  return impl_->reading([&] {
    impl_->check_sweep(sweep);
    std::vector<MaskOverlapRow> rows;
    Prepared(impl_->database,
             "SELECT sweep, pairing, dataset, model, variant, pruned_at_step, sparsity_target, method_a, granularity_a,"
             " allocation_a, schedule_a, rounds_a, control_a, seed_a, trial_a, kept_a, method_b, granularity_b,"
             " allocation_b, schedule_b, rounds_b, control_b, seed_b, trial_b, kept_b, kept_both, jaccard, chance,"
             " corrected, rate_a, rate_b FROM mask_overlap WHERE sweep = ?")
        .each(
            [&](SQLite::Statement& statement) {
              MaskOverlapRow& row = rows.emplace_back();
              ColumnReader columns(statement);
              columns >> row.sweep >> row.pairing >> row.dataset >> row.model >> row.variant >> row.pruned_at_step >>
                  row.sparsity_target;
              for (MaskOverlapSide* side : {&row.a, &row.b}) {
                columns >> side->method >> side->granularity >> side->allocation >> side->schedule >> side->rounds >>
                    side->control >> side->seed >> side->trial >> side->kept;
              }
              columns >> row.kept_both >> row.jaccard >> row.chance >> row.corrected >> row.a.rate >> row.b.rate;
            },
            sweep);
    return rows;
  });
}

std::vector<TrialMasksRow> StoreReader::trial_masks(const std::string& sweep) const {
  return impl_->reading([&] {
    impl_->check_sweep(sweep);
    std::vector<TrialMasksRow> rows;
    Prepared(
        impl_->database,
        "SELECT t.key, t.seed, t.method, t.criterion, t.granularity, t.allocation, t.schedule, t.rounds, t.retrain,"
        " t.control, x.dataset, m.name, x.variant, t.pruned_at_step, t.sparsity_target, x.rate, s.key"
        " FROM sweep_trials x JOIN sweeps w ON w.id = x.sweep_id JOIN trials t ON t.id = x.trial_id"
        " JOIN models m ON m.id = t.model_id JOIN stages s ON s.id = t.masks_stage"
        " WHERE w.label = ? AND s.state = 'done' ORDER BY x.position")
        .each(
            [&](SQLite::Statement& statement) {
              TrialMasksRow& row = rows.emplace_back();
              ColumnReader(statement) >> row.trial >> row.seed >> row.method >> row.criterion >> row.granularity >>
                  row.allocation >> row.schedule >> row.rounds >> row.retrain >> row.control >> row.dataset >>
                  row.model >> row.variant >> row.pruned_at_step >> row.sparsity_target >> row.rate >> row.masks_key;
            },
            sweep);
    return rows;
  });
}

std::vector<LayerDensityRow> StoreReader::layer_densities(const std::string& sweep) const {
  return impl_->reading([&] {
    impl_->check_sweep(sweep);
    std::vector<LayerDensityRow> rows;
    Prepared(impl_->database,
             "SELECT sweep, dataset, model, variant, seed, method, granularity, allocation, schedule, rounds, retrain,"
             " control, sparsity_target, position, layer, total, kept, effective, dead_units, trial_key,"
             " pruned_at_step, rate"
             " FROM layer_density WHERE sweep = ?")
        .each(
            [&](SQLite::Statement& statement) {
              LayerDensityRow& row = rows.emplace_back();
              ColumnReader(statement) >> row.sweep >> row.dataset >> row.model >> row.variant >> row.seed >>
                  row.method >> row.granularity >> row.allocation >> row.schedule >> row.rounds >> row.retrain >>
                  row.control >> row.sparsity_target >> row.position >> row.layer >> row.total >> row.kept >>
                  row.effective >> row.dead_units >> row.trial_key >> row.pruned_at_step >> row.rate;
            },
            sweep);
    return rows;
  });
}

std::vector<SensitivityRow> StoreReader::sensitivities(const std::string& sweep) const {
  return impl_->reading([&] {
    impl_->check_sweep(sweep);
    std::vector<SensitivityRow> rows;
    Prepared(impl_->database,
             "SELECT sweep, dataset, model, seed, criterion, granularity, position, scope, sparsity, units, kept, loss,"
             " loss_increase, stage_key FROM sensitivity WHERE sweep = ?")
        .each(
            [&](SQLite::Statement& statement) {
              SensitivityRow& row = rows.emplace_back();
              ColumnReader(statement) >> row.sweep >> row.dataset >> row.model >> row.seed >> row.criterion >>
                  row.granularity >> row.position >> row.scope >> row.sparsity >> row.units >> row.kept >> row.loss >>
                  row.loss_increase >> row.stage_key;
            },
            sweep);
    return rows;
  });
}

std::vector<LatencyRow> StoreReader::latencies(const std::string& sweep) const {
  return impl_->reading([&] {
    if (!sweep.empty()) impl_->check_sweep(sweep);
    std::vector<LatencyRow> rows;
    Prepared(impl_->database, "SELECT " + latency_column_names() + " FROM latency WHERE ?1 = '' OR sweep = ?1")
        .each(
            [&](SQLite::Statement& statement) {
              ColumnReader columns(statement);
              visit_latency_columns(rows.emplace_back(), [&](const char*, auto& value) { columns >> value; });
            },
            sweep);
    return rows;
  });
}

std::vector<KindCostRow> StoreReader::measured_costs() const {
  return impl_->reading([&] {
    std::vector<KindCostRow> rows;
    Prepared(impl_->database,
             "SELECT kind, count(*), coalesce(sum(wall_s), 0), coalesce(sum(steps), 0) FROM stages WHERE state = 'done'"
             " GROUP BY kind ORDER BY kind")
        .each([&](SQLite::Statement& statement) {
          KindCostRow& row = rows.emplace_back();
          ColumnReader(statement) >> row.kind >> row.done >> row.wall_s >> row.steps;
        });
    return rows;
  });
}

std::vector<bool> StoreReader::done_stages(const StageGraph& graph) const {
  return impl_->reading([&] {
    Prepared find(impl_->database,
                  "SELECT count(*) FROM stages WHERE key = ? AND state = 'done' AND artifact_removed_at IS NULL");
    std::vector<bool> done;
    done.reserve(graph.stages.size());
    for (const Stage& stage : graph.stages) done.push_back(*find.integer(to_hex(stage.key)) > 0);
    return done;
  });
}

MeasuredCost StoreReader::measured_cost() const {
  return impl_->reading([&] { return measure_cost(impl_->database); });
}

}  // namespace espalier
