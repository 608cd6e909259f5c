// One loop on the main thread: let Asio work on the socket for as long as the back-off says (it returns at once when
// bytes or reports arrive), then look at MPI. Messages for other ranks are passed on as the bytes they came as.
#include "worker/comm/gateway.h"

#include <chrono>
#include <exception>
#include <unistd.h>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <spdlog/spdlog.h>

#include "base/error.h"
#include "base/host_name.h"
#include "cluster/authentication.h"
#include "cluster/connection.h"
#include "worker/comm/pool_member.h"
#include "worker/comm/rank_agent.h"
#include "worker/crash_notes.h"
#include "worker/member_watch.h"

namespace espalier {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

class Gateway {
 public:
  Gateway(Mailbox& mailbox, const WorkerSettings& settings, const GatewayOptions& options)
      : mailbox_(mailbox),
        options_(options),
        io_(1),
        stay_(asio::make_work_guard(io_)),
        agent_(settings, mailbox.library_version(), [this] { asio::post(io_, [] {}); }),
        members_(mailbox.size(), settings.guard.rank_silence) {}

  void run() {
    connect();
    Backoff backoff;
    while (!everybody_left()) {
      const bool traffic = pump();
      if (traffic) backoff.on_traffic();
      io_.run_one_for(std::chrono::microseconds(traffic ? 0 : backoff.next()));
      io_.poll();
      watch_over_ranks();
      if (leave_was_signalled()) begin_leaving(LossCause::preempted);
      if (!connection_->is_open()) begin_leaving(LossCause::coordinator_lost);
    }
    connection_->send(Leaving{leave_cause_});
    connection_->close_after_sending();
    stay_.reset();
    io_.run_for(std::chrono::seconds(5));
    if (agent_.abandoned()) mailbox_.finish_and_exit();
    if (error_) std::rethrow_exception(error_);
  }

 private:
  void watch_over_ranks() {
    const auto now = std::chrono::steady_clock::now();
    agent_.look_after(now);
    if (agent_.must_leave(now)) begin_leaving(LossCause::time_limit);
    if (const auto silent = members_.look(now)) give_up(*silent);
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

  void connect() {
    const ConnectionFile where = read_connection_file(options_.connection_file);
    tcp::socket socket(io_);
    try {
      asio::connect(socket, tcp::resolver(io_).resolve(where.host, std::to_string(where.port)));
    } catch (const boost::system::system_error& error) {
      throw Error(ErrorKind::unavailable, "the coordinator at " + where.host + ":" + std::to_string(where.port) +
                                              " cannot be reached: " + error.code().message());
    }
    connection_ = std::make_shared<Connection>(std::move(socket));
    spawn(listen());
  }

  void spawn(asio::awaitable<void> coroutine) {
    asio::co_spawn(io_, std::move(coroutine), [this](std::exception_ptr error) {
      if (!error) return;
      if (!leaving_ && !error_) error_ = error;
      connection_->close();
    });
  }

  asio::awaitable<void> listen() {
    name_ = co_await introduce_to_coordinator(connection_, Role::pool, load_secret(options_.secret_file));
    connection_->send(PoolDescription{options_.label, host_name(), ::getpid(), mailbox_.size(), kNumericsEpoch, ""});
    joined_ = true;
    spdlog::info("joined the coordinator at {} as {}", connection_->remote_address(),
                 options_.label.empty() ? name_ : options_.label);
    spawn(connection_->keep_alive());
    while (true) {
      Message message = co_await connection_->receive();
      if (ToRank* to = std::get_if<ToRank>(&message)) {
        forward(std::move(*to));
      } else if (const Refused* refused = std::get_if<Refused>(&message)) {
        throw Error(ErrorKind::unavailable, "the coordinator refused this pool: " + refused->why);
      } else if (std::holds_alternative<Leave>(message)) {
        begin_leaving(LossCause::drained);
      }
    }
  }

  void forward(ToRank to) {
    if (to.rank == 0) {
      agent_.handle(decode_commands(to.commands));
    } else if (to.rank > 0 && to.rank < mailbox_.size() && !leaving_) {  // a member that leaves reads no more
      mailbox_.post(to.rank, MailTag::commands, std::move(to.commands));
    }
  }

  /// Moves what is here from MPI and from our own compute thread to the coordinator. True if there was something.
  bool pump() {
    bool traffic = false;
    while (std::optional<Mail> mail = mailbox_.poll()) {
      const auto now = std::chrono::steady_clock::now();
      if (mail->tag == MailTag::heartbeat) {
        members_.heartbeat(mail->from, mail->bytes, now);
        continue;
      }
      traffic = true;
      members_.heard(mail->from, now);
      if (mail->tag == MailTag::reports) pass_on(mail->from, std::move(mail->bytes));
      if (mail->tag == MailTag::leave) begin_leaving(parse_loss_cause(mail->bytes));
      if (mail->tag == MailTag::left) {
        members_.left(mail->from);
        ++members_left_;
      }
    }
    if (!joined_) return traffic;  // our own reports can wait for the handshake; those of other ranks are kept below
    for (FromRank& early : std::exchange(early_, {})) connection_->send(early);
    idle_ = agent_.idle();
    if (const std::vector<RankReport> reports = agent_.take_reports(); !reports.empty()) {
      traffic = true;
      connection_->send(FromRank{0, encode(reports), 0});
    }
    return traffic;
  }

  void pass_on(int rank, std::string reports) {
    FromRank message{rank, std::move(reports), 0};
    if (joined_) {
      connection_->send(message);
    } else {
      early_.push_back(std::move(message));
    }
  }

  void begin_leaving(LossCause cause) {
    if (std::exchange(leaving_, true)) return;
    leave_cause_ = cause;
    agent_.leave(cause);
    for (int rank = 1; rank < mailbox_.size(); ++rank)
      mailbox_.post(rank, MailTag::leave, std::string(to_string(cause)));
  }

  bool everybody_left() {
    if (!leaving_) return false;
    if (!joined_) idle_ = true;
    return idle_ && members_left_ == mailbox_.size() - 1;
  }

  Mailbox& mailbox_;
  const GatewayOptions& options_;
  asio::io_context io_;
  asio::executor_work_guard<asio::io_context::executor_type>
      stay_;  ///< without it, run_one_for returns at once when the line is cut
  RankAgent agent_;
  MemberWatch members_;
  ConnectionPtr connection_;
  std::string name_;
  std::vector<FromRank> early_;
  bool joined_ = false;
  bool leaving_ = false;
  LossCause leave_cause_ = LossCause::drained;
  bool idle_ = false;
  int members_left_ = 0;
  std::exception_ptr error_;
};

}  // namespace

void run_gateway(Mailbox& mailbox, const WorkerSettings& settings, const GatewayOptions& options) {
  Gateway(mailbox, settings, options).run();
}

}  // namespace espalier
