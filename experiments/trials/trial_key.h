#pragma once

#include <cstdint>

#include "experiments/trials/trial.h"

namespace espalier {

// A trial's key names what is computed (specs, recipes, exact counts) and how the results distinguish it (method,
// retrain, control, variant). It is made of nested digests, so that what trials share is written and hashed once:
//   key     = SHA-256 of {"config":<hex of config>,"seed":<seed>}
//   config  = SHA-256 of {"compute","control","network":<hex>,"prune","retrain":<hex>,"variant"}
//   network = SHA-256 of {"dataset","init","model","train"};  retrain = SHA-256 of the RetrainConfig
// all canonical JSON. Paths and the dataset's display name are not in it.

class TrialKeys {
 public:
  /// Of the dense network that a configuration starts from.
  Digest network(const TrialConfig& config);
  Digest retrain(const RetrainConfig& retrain);
  /// `network` and `retrain` are the digests of this configuration's.
  Digest config(const TrialConfig& config, const Digest& network, const Digest& retrain);
  StageKey key(const Digest& config, std::uint64_t seed);

 private:
  template <typename Write>
  Digest digest(Write&& write);

  std::string buffer_;
};

}  // namespace espalier
