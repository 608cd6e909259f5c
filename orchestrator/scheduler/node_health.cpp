#include "orchestrator/scheduler/node_health.h"

#include <algorithm>

namespace espalier {
namespace {

constexpr double kFirstAsideSeconds = 60;
constexpr int kMostDoublings = 6;  // about an hour

double aside_seconds(int times) {
  return kFirstAsideSeconds * static_cast<double>(1 << std::min(times - 1, kMostDoublings));
}

}  // namespace

bool NodeHealth::on_crash(const std::string& host, StageIndex stage, std::int64_t limit, double now) {
  Node& node = nodes_[host];
  if (host.empty() || node.until > 0) return false;
  node.crashed.insert(stage);
  ++node.crashes;
  if (static_cast<std::int64_t>(node.crashed.size()) < limit || node.finished >= node.crashes) return false;
  node.until = now + aside_seconds(++node.times_aside);
  return true;
}

void NodeHealth::on_finished(const std::string& host) {
  const auto node = nodes_.find(host);
  if (node != nodes_.end()) ++node->second.finished;
}

bool NodeHealth::is_aside(const std::string& host) const {
  const auto node = nodes_.find(host);
  return node != nodes_.end() && node->second.until > 0;
}

double NodeHealth::aside_s(const std::string& host) const {
  return aside_seconds(nodes_.at(host).times_aside);
}

std::vector<std::string> NodeHealth::release(double now) {
  std::vector<std::string> released;
  for (auto& [host, node] : nodes_) {
    if (node.until == 0 || node.until > now) continue;
    const int times = node.times_aside;
    node = Node{};
    node.times_aside = times;
    released.push_back(host);
  }
  return released;
}

void NodeHealth::renumber(const Renumbering& to) {
  for (auto& [host, node] : nodes_) to.apply(node.crashed);
}

}  // namespace espalier
