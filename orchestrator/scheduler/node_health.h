#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "experiments/graph/stage_graph.h"
#include "orchestrator/scheduler/renumbering.h"

namespace espalier {

/// Finds faulty nodes. Pure. A node on which several different jobs crash, and fewer finish, is set aside: for a minute
/// first, twice as long each time after (backoff). Then it is retried with its counts reset.
class NodeHealth {
 public:
  /// A culprit crashed there; `limit` different jobs may. True: the node is set aside now.
  bool on_crash(const std::string& host, StageIndex stage, std::int64_t limit, double now);
  void on_finished(const std::string& host);
  bool is_aside(const std::string& host) const;
  /// Seconds that the node is set aside for; the node must be set aside.
  double aside_s(const std::string& host) const;
  void renumber(const Renumbering& to);
  /// Nodes whose time is over: they are used again.
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
