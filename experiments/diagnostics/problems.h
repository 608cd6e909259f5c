#pragma once

#include <set>
#include <string>
#include <vector>

#include "experiments/diagnostics/key_place.h"

namespace espalier {

/// Collects what is wrong with a sweep, each thing once however many combinations meet it, up to a hundred things; and
/// as many warnings.
class Problems {
 public:
  void add(const KeyPlace& place, std::string message);
  void add_all(const Problems& others);
  /// What is no error, but says or does less than it seems to.
  void warn(const KeyPlace& place, std::string message);
  bool empty() const { return list_.empty(); }
  const std::vector<Diagnostic>& list() const { return list_; }
  const std::vector<Diagnostic>& warnings() const { return warnings_; }

 private:
  std::vector<Diagnostic> list_, warnings_;
  std::set<std::string> said_;
};

}  // namespace espalier
