#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "experiments/graph/stage_graph.h"
#include "orchestrator/scheduler/renumbering.h"

namespace espalier {

/// Which nodes crash whatever they are given. Pure. A node on which several different jobs crash, and fewer finish, is
/// set aside: for a minute first, twice as long each time after. Then it is tried again with a clean slate.
class NodeHealth {
 public:
  /// A job that is named as the culprit crashed there, and so many different ones may. True: the node is set aside now.
  bool on_crash(const std::string& host, StageIndex stage, std::int64_t limit, double now);
  void on_finished(const std::string& host);
  bool is_aside(const std::string& host) const;
  /// Seconds that it is set aside for, of a node that is.
  double aside_s(const std::string& host) const;
  void renumber(const Renumbering& to);
  /// Nodes whose time is over: they are tried again from now on.
  std::vector<std::string> release(double now);

 private:
  struct Node {
    std::set<StageIndex> crashed;
    std::int64_t crashes = 0, finished = 0;  ///< since it was last released
    int times_aside = 0;
    double until = 0;  ///< 0: in use
  };
  std::map<std::string, Node> nodes_;
};

}  // namespace espalier
