#include "experiments/diagnostics/problems.h"

#include <utility>

namespace espalier {

namespace {

constexpr std::size_t kMostProblems = 100;

}  // namespace

void Problems::add(const KeyPlace& place, std::string message) {
  Diagnostic problem = make_diagnostic(Diagnostic::Severity::error, place, std::move(message));
  if (list_.size() < kMostProblems && said_.insert(to_string(problem)).second) list_.push_back(std::move(problem));
}

void Problems::warn(const KeyPlace& place, std::string message) {
  Diagnostic warning = make_diagnostic(Diagnostic::Severity::warning, place, std::move(message));
  if (warnings_.size() < kMostProblems && said_.insert(to_string(warning)).second)
    warnings_.push_back(std::move(warning));
}

void Problems::add_all(const Problems& others) {
  for (const Diagnostic& warning : others.warnings_)
    warn({warning.file, warning.line, warning.column, warning.path}, warning.message);
  for (const Diagnostic& problem : others.list_) {
    add({problem.file, problem.line, problem.column, problem.path}, problem.message);
  }
}

}  // namespace espalier
