#pragma once

#include <string>

namespace espalier {

/// A sweep with these keys of `prune`, of one seed on MNIST.
inline std::string prune_sweep(const std::string& prune, const std::string& rest = "",
                               const std::string& model = "lenet-300-100") {
  return "sweep: s\ndataset: mnist\nmodel: " + model +
         "\nseeds: 1\ndense: false\ntrain: {lr: 0.1, batch_size: 100, epochs: 3}\nprune: {" + prune + "}\n" + rest;
}

}  // namespace espalier
