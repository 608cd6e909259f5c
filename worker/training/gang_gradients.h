#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include <ATen/core/Tensor.h>

#include "worker/data/resident_dataset.h"
#include "worker/data_parallel/gang.h"
#include "worker/network/network.h"

namespace espalier {

/// The gradients of a batch that a gang shares. They travel in buckets of about 1 MiB, the last layers' first, each as
/// soon as the backward pass has made its gradients, so that sums are made while the pass goes on (Li et al. 2020,
/// arXiv:2006.15704, sections 3.2.2 and 3.2.3).
class GangGradients {
 public:
  /// Both outlive it.
  GangGradients(Gang& gang, Network& network);
  ~GangGradients();
  GangGradients(const GangGradients&) = delete;
  GangGradients& operator=(const GangGradients&) = delete;

  struct Pass {
    double loss = 0;    ///< mean loss of the whole batch
    bool stop = false;  ///< requested by some member
  };
  /// One pass forward and back in training mode over this member's slice of a batch of `count` examples. The network's
  /// gradients() are then those of the whole batch's mean loss, and of the penalties of all members, on every member.
  /// Errors: GangBroken.
  Pass loss_and_gradients(const Batch& slice, std::int64_t count, bool stop, const Network::Penalty& penalty = {});

 private:
  struct Bucket {
    std::int64_t first = 0, count = 0;  // of the flat gradients
    int parameters = 0;
    int missing = 0;  // gradients of the present pass
    at::Tensor sent;  // on the CPU: the flat gradients' own memory if they are there
    Gang::Ticket ticket = 0;
  };

  void fill_buckets();
  void on_gradient(std::size_t parameter, const at::TensorBase& gradient);
  void begin_sums();
  void begin_pass();
  void end_pass();

  Gang& gang_;
  Network& network_;
  std::vector<Bucket> buckets_;
  std::vector<std::size_t> bucket_of_;  // by parameter
  std::vector<bool> seen_;              // by parameter: its gradient of the present pass
  std::vector<unsigned> hooks_;         // by parameter
  std::size_t next_ = 0;                // bucket whose sum is to begin next: all members begin them in this order
  bool in_pass_ = false;                // criteria go backward through the same leaves
};

}  // namespace espalier
