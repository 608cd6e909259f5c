// Unauthenticated connections neither fill the log nor take the file descriptors of clients.
#include <csignal>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "tests/e2e/tiny_store.h"

namespace espalier {
namespace {

using boost::asio::ip::tcp;

class UnprovenConnections : public TinyStore {
 protected:
  /// `limits`: of the shell around it.
  void serve(const std::string& limits) {
    program_ = std::make_unique<Program>(
        std::vector<std::string>{"/bin/sh", "-c", limits + "exec \"$0\" serve --store S", espalier_command({})[0]},
        std::map<std::string, std::string>{}, folder_);
    while (program_->running() && !std::filesystem::exists(place("S/connection.json")))
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    const int port = nlohmann::json::parse(bytes_of("S/connection.json")).at("port");
    where_ = {boost::asio::ip::address_v4::loopback(), static_cast<std::uint16_t>(port)};
  }
  void expect_answer(double limit_s) {
    const ProgramEnd end = run_line("ps --json --store S");
    EXPECT_EQ(end.exit_code, 0) << end.err;
    EXPECT_LT(end.seconds, limit_s);
  }
  void stop() {
    program_->signal(SIGTERM);
    EXPECT_EQ(program_->wait(30).exit_code, 0);
  }

  boost::asio::io_context io_;
  std::unique_ptr<Program> program_;
  tcp::endpoint where_;
};

TEST_F(UnprovenConnections, DoNotFillTheLog) {
  serve("");
  const std::size_t before = bytes_of("S/logs/coordinator.log").size();
  for (int i = 0; i < 3000; ++i) {
    tcp::socket socket(io_);
    boost::system::error_code ignored;
    socket.connect(where_, ignored);
  }
  expect_answer(5);
  const std::string log = bytes_of("S/logs/coordinator.log").substr(before);
  EXPECT_LT(log.size(), 3000U) << log.substr(0, 2000);
  stop();
}

TEST_F(UnprovenConnections, DoNotExhaustFileDescriptors) {
  serve("ulimit -n 64; ");
  std::vector<tcp::socket> idle;
  for (int i = 0; i < 100; ++i) {
    boost::system::error_code ignored;
    idle.emplace_back(io_).connect(where_, ignored);
  }
  expect_answer(5);
  idle.clear();
  stop();
}

}  // namespace
}  // namespace espalier
