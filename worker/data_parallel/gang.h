#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/sha256.h"
#include "experiments/stages/outcome.h"

namespace espalier {

/// A member of the gang left before the end: what is waited for never comes.
class GangBroken : public Error {
 public:
  /// `failure`: what went wrong with it; none if it was only stopped, or gave the job back.
  explicit GangBroken(const std::optional<Failure>& failure)
      : Error(failure ? failure->kind : ErrorKind::unavailable,
              failure ? failure->message : "a rank of the gang gave its job back"),
        failure_(failure) {}
  const std::optional<Failure>& failure() const { return failure_; }

 private:
  std::optional<Failure> failure_;
};

/// Ranks of one pool that train one network together: synchronous data-parallel SGD, where every member takes a slice
/// of each batch and all take the same step by the sum of their gradients (Li et al. 2020, "PyTorch Distributed",
/// VLDB 13(12), arXiv:2006.15704, section 3). Here as one member sees it. Sums are collective: every member asks for
/// the same ones, of equal sizes, in the same order. All members are given equal bits, which are the same at every
/// repetition. Used by one thread, the compute thread.
class Gang {
 public:
  using Ticket = std::uint64_t;

  virtual ~Gang() = default;

  /// The pool's ranks of the members; the first is the leader's, which alone writes files and reports.
  virtual const std::vector<int>& ranks() const = 0;
  /// This member's place among them.
  virtual int member() const = 0;
  int size() const { return static_cast<int>(ranks().size()); }
  bool leads() const { return member() == 0; }

  /// Begins to replace `count` values by their sums over the members. They are written to until wait() returns, and
  /// kept for as long as that may be, even without a wait. Never blocks.
  virtual Ticket sum(std::shared_ptr<float> values, std::size_t count) = 0;
  virtual Ticket sum(std::shared_ptr<double> values, std::size_t count) = 0;
  /// Until that sum is there. Errors: GangBroken.
  virtual void wait(Ticket ticket) = 0;
  /// This member goes no further, and the others do not expect it: none of them waits for it any more.
  virtual void give_up() = 0;
};

/// Elementwise, waited for. Errors (all of these): GangBroken.
void sum(Gang& gang, std::vector<double>& values);
/// Whether some member says so.
bool any(Gang& gang, bool mine);
/// Errors: also of `kind` if the members do not all hold the same, naming the ranks whose `what` differs from the
/// leader's.
void require_equal(Gang& gang, const Digest& mine, const std::string& what, ErrorKind kind = ErrorKind::internal);

/// The member's contiguous part of `count` things: where it begins and how many they are. Parts differ by one at most;
/// where there are fewer things than members, some are empty.
struct Part {
  std::int64_t first = 0;
  std::int64_t count = 0;
};
Part part_of(std::int64_t count, int member, int members);

}  // namespace espalier
