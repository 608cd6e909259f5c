#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "tests/worker/golden/architectures.h"
#include "worker/network/network.h"

namespace espalier {

/// Networks from which units leave, as they lie in a folder of golden vectors. Names, shapes, counts and what leaves
/// are read from it; tensors and values that nobody has asked for are left in `unread`.
class SurgeryCase {
 public:
  /// $ESPALIER_GOLDEN2, else the default beside the repository; its case `surgery`.
  static std::filesystem::path folder();
  explicit SurgeryCase(const std::filesystem::path& folder);

  bool has(const std::string& key) const { return has_tensor(tensors, key); }
  /// Errors: std::out_of_range naming the key.
  const at::Tensor& tensor(const std::string& key);
  /// Keys that begin so, without it.
  std::vector<std::string> under(const std::string& prefix) const;
  std::vector<std::int64_t> removed(const std::string& head, const std::string& layer) const;

  using Build = std::function<ValueIndex(GraphBuilder&, ValueIndex, const Shapes&)>;
  ModelDescription model(const std::string& name, const Build& build);
  /// Given parameters, float64; norms' buffers too.
  NamedTensors weights(const std::string& name);
  /// What the network gives for the given examples, in double precision.
  at::Tensor run(const ModelDescription& model, const NamedTensors& weights, const std::string& name,
                 ForwardObserver* observer = nullptr);
  /// To a tolerance of the largest golden number.
  void expect(const at::Tensor& ours, const std::string& key, double tolerance = 1e-10);
  /// A case says twice what leaves.
  void expect_keep(const std::string& key, const std::vector<std::int64_t>& removed);
  void expect_value(std::int64_t ours, const std::string& key);

  nlohmann::json meta;
  NamedTensors tensors;
  std::set<std::string> unread;
};

/// Errors: std::out_of_range naming it.
at::Tensor& named(NamedTensors& tensors, const std::string& name);

}  // namespace espalier
