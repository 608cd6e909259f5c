#include "analysis/failures/failure_report.h"

#include <algorithm>
#include <cstddef>
#include <ctime>
#include <set>
#include <sstream>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "analysis/failures/signal_name.h"
#include "analysis/text/number_text.h"
#include "base/utf8.h"
#include "db/rows/rows_json.h"
#include "experiments/stages/loss_cause.h"

namespace espalier {
namespace {

constexpr std::size_t kLogLines = 5;
constexpr std::size_t kBacktraceLines = 8;
constexpr std::size_t kListed = 3;
constexpr std::size_t kLongestLine = 300;

std::string short_key(const std::string& key) {
  return key.substr(0, 12);
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (!line.empty()) lines.push_back(printable_lines(line));
  }
  return lines;
}

class Report {
 public:
  Report(const FailureEvidence& evidence, const FailureReportOptions& options)
      : evidence_(evidence), options_(options) {}

  void add_group(std::size_t number, const FailureGroup& group) {
    const ChargedFailureRow& example = evidence_.failures[group.example];
    line("[{}] {}: {}", number, to_string(group.verdict.kind), group.verdict.sentence);
    line("    {} of {}{}; {} quarantined; cause: {}", counted(std::ssize(group.failures), "failure"),
         counted(group.jobs, "job"), group.nodes == 0 ? "" : " on " + counted(group.nodes, "node"), group.quarantined,
         group.cause);
    line("    signature: {}", printable_lines(group.signature));
    add_example(example);
    if (options_.verbose) add_stages(group);
    add_next(group, example);
    text_ += "\n";
  }

  void add_diverged(const DivergedGroup& group) {
    if (group.sentence.empty()) return;
    line("Diverged, which is a result and not a failure: {}, behind {}", counted(group.trainings, "training"),
         counted(group.trials, "trial"));
    line("    {}", group.sentence);
    const std::size_t shown =
        options_.verbose ? evidence_.diverged.size() : std::min(kListed, evidence_.diverged.size());
    for (std::size_t i = 0; i < shown; ++i) {
      const DivergedStageRow& stage = evidence_.diverged[i];
      line("    {} [{}], at step {}", stage.label, short_key(stage.key), stage.steps);
    }
    if (shown < evidence_.diverged.size()) line("    ... {} more; -v lists them", evidence_.diverged.size() - shown);
    text_ += "\n";
  }

  template <typename... Values>
  void line(fmt::format_string<Values...> format, Values&&... values) {
    text_ += fmt::format(format, std::forward<Values>(values)...) + "\n";
  }

  std::string take() {
    while (text_.ends_with("\n\n")) text_.pop_back();
    return std::move(text_);
  }

 private:
  void add_example(const ChargedFailureRow& example) {
    line("    for example: {} [{}]{}{}, {:%Y-%m-%d %H:%M:%S} UTC", example.label, short_key(example.key),
         example.pool.empty() ? "" : fmt::format(" on rank {} of {}", example.rank, example.pool),
         example.host.empty() ? "" : " (" + example.host + ")",
         fmt::gmtime(static_cast<std::time_t>(example.failed_at)));
    if (example.signal) line("      signal {} ({})", *example.signal, signal_name(*example.signal));
    if (example.exit_code) line("      exit code {}", *example.exit_code);
    for (const std::string& one : lines_of(example.message)) line("      {}", cut(one));
    add_lines("log", lines_of(example.log), kLogLines, true);
    add_lines("at", lines_of(example.backtrace), kBacktraceLines, false);
  }

  std::string cut(const std::string& text) const {
    return options_.verbose || text.size() <= kLongestLine ? text : text.substr(0, kLongestLine) + "...";
  }

  void add_lines(const char* name, const std::vector<std::string>& lines, std::size_t most, bool is_end_of_interest) {
    const std::size_t shown = options_.verbose ? lines.size() : std::min(most, lines.size());
    const std::size_t first = is_end_of_interest ? lines.size() - shown : 0;
    for (std::size_t i = first; i < first + shown; ++i) line("      {:<3} | {}", name, cut(lines[i]));
    if (shown < lines.size()) line("      {:<3} | ... {} more; -v shows all", name, lines.size() - shown);
  }

  void add_stages(const FailureGroup& group) {
    std::set<std::int64_t> seen;
    for (const std::size_t i : group.failures) {
      const ChargedFailureRow& failure = evidence_.failures[i];
      if (!seen.insert(failure.stage).second) continue;
      line("    job {} [{}]{}: {}", failure.label, short_key(failure.key),
           failure.host.empty() ? "" : " on " + failure.host,
           failure.state == "failed" ? "quarantined" : failure.state);
    }
  }

  void add_next(const FailureGroup& group, const ChargedFailureRow& example) {
    line("    next: espalier explain {}{}", short_key(example.key), options_.store_option);
    if (group.quarantined == 0) return;
    if (group.verdict.kind == FailureVerdict::Kind::node && !example.host.empty()) {
      line("          keep {} out of the run until it is fixed", example.host);
    } else if (group.verdict.kind == FailureVerdict::Kind::region) {
      line("          fix the program or the data, or leave {} out of the sweep",
           settings_text(group.verdict.settings));
    }
    if (is_tried_again_by_run(group.cause)) {
      line("          fixed? the next espalier run of the sweep tries {} again",
           group.quarantined == 1 ? "it" : "them");
    } else if (group.jobs == 1) {
      line("          fixed? espalier retry SWEEP.yaml --stage {}{}", short_key(example.key), options_.store_option);
    } else {
      line("          fixed? espalier retry SWEEP.yaml --cause {}{}", group.cause, options_.store_option);
    }
  }

  static bool is_tried_again_by_run(const std::string& cause) {
    const std::vector<LossCause> causes = causes_that_a_run_tries_again();
    return std::ranges::any_of(causes, [&](LossCause one) { return to_string(one) == cause; });
  }

  const FailureEvidence& evidence_;
  const FailureReportOptions& options_;
  std::string text_;
};

std::int64_t trials_in(const FailureEvidence& evidence, const std::string& state) {
  return std::ranges::count(evidence.trials, state, &TrialFateRow::state);
}

nlohmann::ordered_json settings_json(const std::vector<TrialSetting>& settings) {
  nlohmann::ordered_json json = nlohmann::ordered_json::object();
  for (const TrialSetting& one : settings) json[one.name] = one.value;
  return json;
}

nlohmann::ordered_json group_json(const FailureEvidence& evidence, const FailureGroup& group) {
  nlohmann::ordered_json stages = nlohmann::ordered_json::array();
  std::set<std::int64_t> seen;
  for (const std::size_t i : group.failures) {
    if (seen.insert(evidence.failures[i].stage).second) stages.push_back(evidence.failures[i].key);
  }
  return {{"signature", group.signature},
          {"cause", group.cause},
          {"failures", group.failures.size()},
          {"jobs", group.jobs},
          {"nodes", group.nodes},
          {"quarantined", group.quarantined},
          {"trials", group.trials},
          {"verdict", to_string(group.verdict.kind)},
          {"sentence", group.verdict.sentence},
          {"settings", settings_json(group.verdict.settings)},
          {"stages", stages},
          {"example", evidence.failures[group.example]}};
}

}  // namespace

std::string render_failures(const std::string& sweep, const FailureEvidence& evidence,
                            const FailureReportOptions& options) {
  const std::vector<FailureGroup> groups = group_failures(evidence);
  const DivergedGroup diverged = group_diverged(evidence);
  std::int64_t quarantined = 0;
  for (const FailureGroup& group : groups) quarantined += group.quarantined;
  Report report(evidence, options);
  if (groups.empty()) {
    report.line("{}: nothing failed", sweep);
  } else {
    report.line("{}: {}{}, {} quarantined\n", sweep, evidence.has_older ? "the newest " : "",
                counted(std::ssize(evidence.failures), "failure"), counted(quarantined, "job"));
  }
  for (std::size_t i = 0; i < groups.size(); ++i) report.add_group(i + 1, groups[i]);
  if (groups.empty() && !diverged.sentence.empty()) report.line("");
  report.add_diverged(diverged);
  const std::int64_t failed = trials_in(evidence, "failed"), blocked = trials_in(evidence, "blocked");
  if (failed + blocked > 0) {
    report.line("{} of {} have no result: {} failed, {} blocked (they wait for jobs that failed)", failed + blocked,
                counted(std::ssize(evidence.trials), "trial"), failed, blocked);
  }
  return report.take();
}

nlohmann::ordered_json failures_json(const std::string& sweep, const FailureEvidence& evidence) {
  nlohmann::ordered_json groups = nlohmann::ordered_json::array();
  std::int64_t quarantined = 0;
  for (const FailureGroup& group : group_failures(evidence)) {
    groups.push_back(group_json(evidence, group));
    quarantined += group.quarantined;
  }
  const DivergedGroup diverged = group_diverged(evidence);
  return {{"sweep", sweep},
          {"failures", evidence.failures.size()},
          {"has_older", evidence.has_older},
          {"quarantined", quarantined},
          {"trials", evidence.trials.size()},
          {"trials_failed", trials_in(evidence, "failed")},
          {"trials_blocked", trials_in(evidence, "blocked")},
          {"groups", groups},
          {"diverged",
           {{"trainings", diverged.trainings},
            {"trials", diverged.trials},
            {"sentence", diverged.sentence},
            {"settings", settings_json(diverged.settings)},
            {"stages", evidence.diverged}}}};
}

}  // namespace espalier
