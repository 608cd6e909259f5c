#include "experiments/problems.h"

#include <utility>

namespace espalier {

void Problems::add(const KeyPlace& place, std::string message) {
  constexpr std::size_t kMostProblems = 100;
  Diagnostic problem = make_diagnostic(Diagnostic::Severity::error, place, std::move(message));
  if (list_.size() < kMostProblems && said_.insert(to_string(problem)).second) list_.push_back(std::move(problem));
}

void Problems::add_all(const Problems& others) {
  for (const Diagnostic& problem : others.list_) {
    add({problem.file, problem.line, problem.column, problem.path}, problem.message);
  }
}

}  // namespace espalier
