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
        agent_(settings, mailbox.library_version(), [this] { asio::post(io_, [] {}); }) {}

  void run() {
    connect();
    Backoff backoff;
    while (!everybody_left()) {
      const bool traffic = pump();
      if (traffic) backoff.on_traffic();
      io_.run_one_for(std::chrono::microseconds(traffic ? 0 : backoff.next()));
      io_.poll();
      if (leave_was_signalled() || !connection_->is_open()) begin_leaving();
    }
    connection_->send(Leaving{});
    connection_->close_after_sending();
    stay_.reset();
    io_.run_for(std::chrono::seconds(5));
    if (error_) std::rethrow_exception(error_);
  }

 private:
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
    connection_->send(PoolDescription{options_.label, host_name(), ::getpid(), mailbox_.size(), kNumericsEpoch});
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
        begin_leaving();
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
      traffic = true;
      if (mail->tag == MailTag::reports) pass_on(mail->from, std::move(mail->bytes));
      if (mail->tag == MailTag::leave) begin_leaving();
      if (mail->tag == MailTag::left) ++members_left_;
    }
    if (!joined_) return traffic;  // our own reports can wait for the handshake; those of other ranks are kept below
    for (FromRank& early : std::exchange(early_, {})) connection_->send(early);
    idle_ = agent_.idle();
    if (const std::vector<RankReport> reports = agent_.take_reports(); !reports.empty()) {
      traffic = true;
      connection_->send(FromRank{0, encode(reports)});
    }
    return traffic;
  }

  void pass_on(int rank, std::string reports) {
    FromRank message{rank, std::move(reports)};
    if (joined_) {
      connection_->send(message);
    } else {
      early_.push_back(std::move(message));
    }
  }

  void begin_leaving() {
    if (std::exchange(leaving_, true)) return;
    agent_.leave();
    for (int rank = 1; rank < mailbox_.size(); ++rank) mailbox_.post(rank, MailTag::leave, "");
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
  ConnectionPtr connection_;
  std::string name_;
  std::vector<FromRank> early_;
  bool joined_ = false;
  bool leaving_ = false;
  bool idle_ = false;
  int members_left_ = 0;
  std::exception_ptr error_;
};

}  // namespace

void run_gateway(Mailbox& mailbox, const WorkerSettings& settings, const GatewayOptions& options) {
  Gateway(mailbox, settings, options).run();
}

}  // namespace espalier
