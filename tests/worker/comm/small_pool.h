#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "cluster/protocol/protocol.h"
#include "worker/comm/mailbox.h"
#include "worker/comm/pool_member.h"
#include "worker/comm/rank_agent.h"

namespace espalier {

/// A pool whose rank 0 is the coordinator too: what is left of a gateway without a network. The other ranks are in
/// run_member. Rank 0 only.
class SmallPool {
 public:
  SmallPool(Mailbox& mailbox, const WorkerSettings& settings) : mailbox_(mailbox), agent_(mailbox, settings, nullptr) {}

  void give(int rank, const RankCommand& command) {
    if (rank == 0) {
      agent_.handle({command});
    } else {
      mailbox_.post(rank, MailTag::commands, encode(std::vector<RankCommand>{command}));
    }
  }

  /// Sends it to all of the gang, or to `heard` of them. Returns the attempt.
  std::uint64_t start(std::vector<JobStage> stages, const std::vector<int>& gang, const std::vector<int>& heard = {}) {
    const RunJob job{{++attempt_, std::move(stages)}, false, gang};
    for (const int rank : heard.empty() ? gang : heard) give(rank, job);
    return attempt_;
  }

  struct Received {
    int rank = 0;
    RankReport report;
  };
  /// Goes on until a report that `wanted` is true for; it is kept too.
  void wait_for(const std::function<bool(const Received&)>& wanted) {
    for (std::size_t next = 0;;) {
      while (next < received_.size()) {
        if (wanted(received_[next++])) return;
      }
      pump();
    }
  }

  /// The outcomes of an attempt, when it has ended, and how.
  struct End {
    JobEnded ended;
    std::vector<int> ranks;  ///< that said anything of it
    std::vector<StageOutcome> outcomes;
  };
  End end_of(std::uint64_t attempt) {
    End end;
    wait_for([&](const Received& told) {
      if (const auto* reached = std::get_if<StageReached>(&told.report);
          reached && reached->outcome.attempt == attempt) {
        end.ranks.push_back(told.rank);
        end.outcomes.push_back(reached->outcome);
      }
      const auto* ended = std::get_if<JobEnded>(&told.report);
      if (ended == nullptr || ended->attempt != attempt) return false;
      end.ranks.push_back(told.rank);
      end.ended = *ended;
      return true;
    });
    return end;
  }

  /// Until every other rank has left.
  void leave() {
    agent_.leave(LossCause::drained);
    for (int rank = 1; rank < mailbox_.size(); ++rank) mailbox_.post(rank, MailTag::leave, "drained");
    while (left_ < mailbox_.size() - 1 || !agent_.idle()) pump();
  }

 private:
  void pump() {
    while (const auto mail = mailbox_.poll()) {
      if (mail->tag == MailTag::reports) handle(mail->from, decode_reports(mail->bytes));
      if (mail->tag == MailTag::gang) agent_.handle_gang(mail->from, mail->bytes);
      if (mail->tag == MailTag::left) ++left_;
    }
    const bool adding = agent_.turn();
    handle(0, agent_.take_reports());
    agent_.wait_for_reports(adding ? kGangPause : std::chrono::microseconds(200));
  }

  void handle(int rank, std::vector<RankReport> reports) {
    for (RankReport& report : reports) received_.push_back({rank, std::move(report)});
  }

  Mailbox& mailbox_;
  RankAgent agent_;
  std::vector<Received> received_;
  std::uint64_t attempt_ = 0;
  int left_ = 0;
};

}  // namespace espalier
