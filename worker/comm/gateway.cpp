// One loop on the main thread: run Asio for as long as the backoff allows (it returns at once when bytes or reports
// arrive), then poll MPI. Messages for other ranks are forwarded as raw bytes. A coroutine joins the coordinator and
// receives from it; when it ends, the loop starts another one after a delay.
#include "worker/comm/gateway.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <iostream>
#include <memory>
#include <unistd.h>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <spdlog/spdlog.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/files.h"
#include "base/host_name.h"
#include "base/sha256.h"
#include "cluster/connection/connect.h"
#include "worker/comm/file_relay.h"
#include "worker/comm/pool_member.h"
#include "worker/comm/rank_agent.h"
#include "worker/comm/report_log.h"
#include "worker/machine/crash_notes.h"
#include "worker/watch/member_watch.h"

namespace espalier {

namespace asio = boost::asio;

namespace {

using Clock = std::chrono::steady_clock;

constexpr Clock::duration kShortestRetry = std::chrono::milliseconds(100);
constexpr Clock::duration kLongestRetry = std::chrono::milliseconds(2000);
constexpr auto kGoodbyeLimit = std::chrono::seconds(5);
constexpr auto kFirstJoinPatience = std::chrono::seconds(60);
constexpr auto kIdleInTheEnd = std::chrono::seconds(30);

class Gateway {
 public:
  Gateway(Mailbox& mailbox, const WorkerSettings& settings, const GatewayOptions& options, RankFiles& files,
          CacheFolder& cache)
      : mailbox_(mailbox),
        options_(options),
        label_(options.label.empty() ? host_name() + "-" + std::to_string(::getpid()) : options.label),
        identity_(options.identity.empty() ? random_bytes(16) : options.identity),
        guard_(settings.guard),
        io_(1),
        stay_(asio::make_work_guard(io_)),
        log_(options.spool, identity_),
        files_(mailbox, files, cache),
        agent_(mailbox, settings, [this] { asio::post(io_, [] {}); }),
        members_(mailbox.size(), settings.guard.rank_silence) {}

  void run() {
    start_joining();
    Backoff backoff;
    while (!all_left()) {
      const bool traffic = pump();
      if (traffic) backoff.on_traffic();
      if (agent_.turn()) {
        agent_.wait_for_reports(kGangPause);  // Asio sleeps for whole milliseconds
      } else {
        io_.run_one_for(std::chrono::microseconds(traffic ? 0 : backoff.next()));
      }
      io_.poll();
      watch_over_ranks();
      if (leave_was_signalled()) begin_leaving(LossCause::preempted);
      try_connect();
      poll_work();
    }
    say_goodbye();
    note_that_we_left();
    if (agent_.abandoned()) mailbox_.finish_and_exit();
    if (error_) std::rethrow_exception(error_);
  }

 private:
  void watch_over_ranks() {
    const auto now = Clock::now();
    agent_.check_health(now);
    if (agent_.must_leave(now)) begin_leaving(LossCause::time_limit);
    if (const auto silent = members_.poll(now)) give_up(*silent);
  }

  [[noreturn]] void give_up(const MemberWatch::Silent& silent) {
    const std::string message = "rank " + std::to_string(silent.rank) + " of this pool said nothing for " +
                                std::to_string(static_cast<int>(silent.seconds.count())) +
                                " s: its process was stopped, or its machine is out of memory or breath";
    spdlog::error("{}", message);
    write_crash_note(crash_note_path(options_.logs, options_.note_label, silent.rank),
                     {silent.work.attempt, silent.work.stage, 0, LossCause::heartbeat, message, ""});
    mailbox_.abort(kExitSilentRank);
  }

  void start_joining() {
    joining_ = true;
    asio::co_spawn(io_, join_and_listen(), [this](std::exception_ptr error) {
      joining_ = false;
      on_connection_lost(error);
    });
  }

  asio::awaitable<void> join_and_listen() {
    connection_ = co_await connect_to_coordinator(options_.coordinator.look_up(Role::pool));
    connection_->send(describe_pool());
    spdlog::info("joined the coordinator at {} as {}", connection_->remote_address(), label_);
    const bool back = std::exchange(was_joined_, true);
    if (!back) idle_since_ = Clock::now();
    if (back) log_.drop_introductions();
    for (const FromRank& frame : log_.kept()) connection_->send(frame);
    files_.joined(connection_);
    if (back) ask_ranks_what_they_hold();
    joined_ = true;
    retry_ = kShortestRetry;
    asio::co_spawn(io_, connection_->keep_alive(), [](std::exception_ptr) {});
    while (true) {
      Message message = co_await connection_->receive();
      if (ToRank* to = std::get_if<ToRank>(&message)) {
        forward(std::move(*to));
      } else if (const Recorded* recorded = std::get_if<Recorded>(&message)) {
        log_.forget(recorded->sequence);
      } else if (const Refused* refused = std::get_if<Refused>(&message)) {
        throw Error(ErrorKind::invalid_input, "the coordinator refused this pool: " + refused->why);
      } else if (std::holds_alternative<Leave>(message)) {
        begin_leaving(LossCause::drained);
      } else {
        files_.handle(message);
      }
    }
  }

  PoolDescription describe_pool() const {
    PoolDescription pool{label_, host_name(), ::getpid(), mailbox_.size(), kNumericsEpoch, identity_};
    pool.labels = options_.labels;
    pool.clock = utc_seconds();
    if (guard_.time_limit.count() > 0) {
      const auto left = guard_.started + guard_.time_limit - Clock::now();
      pool.seconds_left = std::chrono::duration_cast<std::chrono::seconds>(left).count();
    }
    return pool;
  }

  void on_connection_lost(std::exception_ptr error) {
    const bool was = std::exchange(joined_, false);
    if (connection_) connection_->close();
    files_.lost();
    try {
      std::rethrow_exception(error);
    } catch (const Error& failure) {
      if (was) spdlog::warn("{}", failure.what());
      if (gives_up_joining(failure) || failure.kind() == ErrorKind::invalid_input || options_.coordinator.is_gone()) {
        if (!leaving_) error_ = std::current_exception();
        begin_leaving(LossCause::coordinator_lost);
      }
    }
    if (was) lost_since_ = Clock::now();
    retry_at_ = Clock::now() + retry_;
    retry_ = std::min(2 * retry_, kLongestRetry);
    if (was_joined_) log_.spool();
  }

  /// If the port is closed at the first attempt, the pool gives up. A coordinator that accepts but does not answer is
  /// busy, and gets some time.
  bool gives_up_joining(const Error& failure) {
    if (was_joined_) return false;
    if (dynamic_cast<const NoHandshake*>(&failure) == nullptr) return true;
    if (Clock::now() - lost_since_ > kFirstJoinPatience) return true;
    if (std::exchange(wait_was_logged_, true)) return false;
    spdlog::warn("{}; trying again for {} s", failure.what(), kFirstJoinPatience.count());
    std::cerr << "espalier-worker: " << failure.what() << "; trying again for " << kFirstJoinPatience.count() << " s"
              << std::endl;
    return false;
  }

  void try_connect() {
    if (joined_ || joining_ || error_ || Clock::now() < retry_at_) return;
    if (was_joined_ && Clock::now() - lost_since_ > options_.patience) begin_leaving(LossCause::coordinator_lost);
    start_joining();
  }

  bool at_work() const { return busy_ || !agent_.idle() || members_.any_at_work(); }

  void poll_work() {
    if (at_work()) idle_since_ = Clock::now();
    busy_ = false;
    const bool limited = options_.idle_limit.count() > 0;
    if (limited && was_joined_ && Clock::now() - idle_since_ > options_.idle_limit) begin_leaving(LossCause::idle);
  }

  /// No job was there for us when the time limit came, although a coordinator was connected: then the batch script need
  /// not requeue. A pause between two jobs does not count.
  bool was_idle_in_the_end() const {
    const auto enough = std::min<std::chrono::duration<double>>(kIdleInTheEnd, guard_.time_limit / 2);
    return joined_ && !at_work() && Clock::now() - idle_since_ >= enough;
  }

  void ask_ranks_what_they_hold() {
    agent_.introduce();
    for (int rank = 1; rank < mailbox_.size(); ++rank) mailbox_.post(rank, MailTag::introduce, "");
  }

  void forward(ToRank to) {
    busy_ = true;
    if (to.rank == 0) {
      agent_.handle(decode_commands(to.commands));
    } else if (to.rank > 0 && to.rank < mailbox_.size() && !leaving_) {  // a leaving member receives no more
      mailbox_.post(to.rank, MailTag::commands, std::move(to.commands));
    }
  }

  /// Forwards messages from MPI and from our own compute thread to the coordinator. True if there were any.
  bool pump() {
    bool traffic = false;
    while (std::optional<Mail> mail = mailbox_.poll()) {
      const auto now = std::chrono::steady_clock::now();
      if (mail->tag == MailTag::heartbeat) {
        members_.heartbeat(mail->from, mail->bytes, now);
        continue;
      }
      traffic = true;
      members_.on_message(mail->from, now);
      if (files_.handle(*mail)) continue;
      if (mail->tag == MailTag::reports) pass_on(mail->from, std::move(mail->bytes));
      if (mail->tag == MailTag::gang) agent_.handle_gang(mail->from, mail->bytes);
      if (mail->tag == MailTag::leave) begin_leaving(parse_loss_cause(mail->bytes));
      if (mail->tag == MailTag::left) {
        members_.left(mail->from);
        files_.rank_left(mail->from);
        ++members_left_;
      }
    }
    if (files_.pump()) traffic = true;
    idle_ = agent_.idle();
    if (const std::vector<RankReport> reports = agent_.take_reports(); !reports.empty()) {
      traffic = true;
      pass_on(0, encode(reports));
    }
    return traffic;
  }

  void pass_on(int rank, std::string reports) {
    busy_ = true;
    if (joined_) {
      connection_->send(log_.append(rank, std::move(reports)));
    } else if (log_.append_lasting(rank, reports) && was_joined_) {
      log_.spool();
    }
  }

  void begin_leaving(LossCause cause) {
    if (std::exchange(leaving_, true)) return;
    if (cause == LossCause::time_limit && was_idle_in_the_end()) cause = LossCause::idle;
    cause_ = cause;
    agent_.leave(cause);
    files_.leave();
    for (int rank = 1; rank < mailbox_.size(); ++rank)
      mailbox_.post(rank, MailTag::leave, std::string(to_string(cause)));
  }

  bool all_left() const { return leaving_ && idle_ && members_left_ == mailbox_.size() - 1; }

  /// Waits until the coordinator has recorded all reports; the rest is written to the spool.
  void say_goodbye() {
    if (joined_) connection_->send(Leaving{cause_});
    const auto limit = Clock::now() + kGoodbyeLimit;
    while (joined_ && !log_.kept().empty() && Clock::now() < limit) {
      io_.run_one_for(std::chrono::milliseconds(20));
    }
    if (was_joined_) log_.spool();
    if (joined_) connection_->close_after_sending();
    stay_.reset();
    io_.run_for(std::chrono::seconds(1));
  }

  /// For the batch script that started us: whether there is more to do, and why we left.
  void note_that_we_left() {
    if (error_ || options_.left_note.empty()) return;
    try {
      write_file_atomically(options_.left_note, std::string(to_string(cause_)) + "\n");
    } catch (const Error& error) {
      spdlog::warn("{}", error.what());
    }
  }

  Mailbox& mailbox_;
  const GatewayOptions& options_;
  const std::string label_;
  const std::string identity_;
  const GuardSettings guard_;
  asio::io_context io_;
  asio::executor_work_guard<asio::io_context::executor_type>
      stay_;  ///< without it, run_one_for returns at once while disconnected
  ReportLog log_;
  FileRelay files_;
  RankAgent agent_;
  MemberWatch members_;
  ConnectionPtr connection_;
  bool joining_ = false;
  bool joined_ = false;
  bool was_joined_ = false;
  bool wait_was_logged_ = false;
  bool leaving_ = false;
  bool idle_ = false;
  bool busy_ = true;  ///< messages were forwarded since poll_work
  LossCause cause_ = LossCause::drained;
  int members_left_ = 0;
  Clock::time_point lost_since_ = Clock::now();
  Clock::time_point idle_since_ = Clock::now();
  Clock::time_point retry_at_ = Clock::now();
  Clock::duration retry_ = kShortestRetry;
  std::exception_ptr error_;
};

}  // namespace

void run_gateway(Mailbox& mailbox, const WorkerSettings& settings, const GatewayOptions& options, RankFiles& files,
                 CacheFolder& cache) {
  Gateway(mailbox, settings, options, files, cache).run();
}

}  // namespace espalier
