#pragma once

#include <set>
#include <string>
#include <vector>

#include "experiments/key_place.h"

namespace espalier {

/// Collects what is wrong with a sweep, each thing once however many combinations meet it, up to a hundred things.
class Problems {
 public:
  void add(const KeyPlace& place, std::string message);
  void add_all(const Problems& others);
  bool empty() const { return list_.empty(); }
  const std::vector<Diagnostic>& list() const { return list_; }

 private:
  std::vector<Diagnostic> list_;
  std::set<std::string> said_;
};

}  // namespace espalier
