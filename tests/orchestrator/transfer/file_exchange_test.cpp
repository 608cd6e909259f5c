// The coordinator's end of a real connection, and the messages that a pool at the other end hears.
#include "orchestrator/transfer/file_exchange.h"

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <gmock/gmock.h>

#include "base/error.h"
#include "base/files.h"

namespace espalier {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using testing::HasSubstr;

class FileExchanges : public testing::Test {
 protected:
  void SetUp() override {
    stage_.key.digest = sha256("train");
    stage_.kind = StageKind::train;
    stage_.spec = std::make_shared<const std::string>("{}");
    std::filesystem::create_directories(paths_.artifact(stage_.key).parent_path());
    exchange_ = std::make_unique<FileExchange>(
        io_, paths_, std::vector<DataFolder>{},
        [this](const StageKey& key) { return key == stage_.key ? &stage_ : nullptr; },
        [this](PoolId pool, const StageKey&) {
          return claims_.contains(pool) ? claims_[pool] : Core::FileClaim::wanted;
        });
  }
  void TearDown() override {
    for (auto& [pool, ends] : links_) {
      ends.here->close();
      ends.there->close();
    }
    exchange_.reset();
    io_.run_for(std::chrono::milliseconds(100));
    std::filesystem::remove_all(paths_.root);
  }

  /// A pool joins: connected over loopback, and greeted.
  void greet(PoolId pool) {
    tcp::acceptor acceptor(io_, {asio::ip::make_address("127.0.0.1"), 0});
    tcp::socket there(io_), here(io_);
    there.connect(acceptor.local_endpoint());
    acceptor.accept(here);
    Ends& ends = links_[pool];
    ends = {std::make_shared<Connection>(std::move(here)), std::make_shared<Connection>(std::move(there))};
    ends.there->trust();
    asio::co_spawn(io_, listen(pool, ends.there), asio::detached);
    exchange_->greet(pool, ends.here);
  }
  asio::awaitable<void> listen(PoolId pool, ConnectionPtr connection) {
    try {
      while (true) heard_[pool].push_back(co_await connection->receive());
    } catch (const Error&) {  // it was closed
    }
  }
  /// The next message that the pool hears; fails the test if it is none of these.
  template <typename T>
  T next(PoolId pool) {
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (heard_[pool].empty() && std::chrono::steady_clock::now() < limit)
      io_.run_one_for(std::chrono::milliseconds(50));
    if (heard_[pool].empty()) {
      ADD_FAILURE() << "pool " << pool << " hears nothing";
      return {};
    }
    const Message message = std::move(heard_[pool].front());
    heard_[pool].pop_front();
    if (const T* wanted = std::get_if<T>(&message)) return *wanted;
    ADD_FAILURE() << "pool " << pool << " hears message " << message.index();
    return {};
  }
  void expect_silence(PoolId pool) {
    io_.run_for(std::chrono::milliseconds(200));
    EXPECT_TRUE(heard_[pool].empty());
  }

  FileName artifact() const { return file_of_stage(FileKind::artifact, stage_.key); }
  OfferFile offer(const std::string& bytes) const { return {2, artifact(), stage_.key, bytes.size(), sha256(bytes)}; }
  FilePiece piece(const std::string& bytes) const { return {2, artifact(), 0, bytes.size(), sha256(bytes), bytes}; }
  bool is_stored() const { return std::filesystem::exists(paths_.artifact(stage_.key)); }

  struct Ends {
    ConnectionPtr here, there;
  };
  const StorePaths paths_{std::filesystem::temp_directory_path() / ("espalier_exchange_" + std::to_string(::getpid()))};
  asio::io_context io_;
  Stage stage_;
  std::map<PoolId, Core::FileClaim> claims_;
  std::map<PoolId, Ends> links_;
  std::map<PoolId, std::deque<Message>> heard_;
  std::unique_ptr<FileExchange> exchange_;
};

TEST_F(FileExchanges, APoolIsToldHowToFindOutWhetherItSharesTheStore) {
  greet(1);
  EXPECT_EQ(next<StoreHere>(1).probe, read_file(paths_.probe(), 1000));
}

TEST_F(FileExchanges, WhatAStageLeftIsHandedOut) {
  write_file_atomically(paths_.artifact(stage_.key), "weights");
  greet(1);
  next<StoreHere>(1);
  EXPECT_TRUE(exchange_->handle(1, FetchFile{0, artifact(), stage_.key, 2}));
  const FilePiece piece = next<FilePiece>(1);
  EXPECT_EQ(piece.bytes, "ights");
  EXPECT_EQ(piece.total, 7U);
  EXPECT_EQ(piece.sha256, sha256("weights"));
}

TEST_F(FileExchanges, NothingIsHandedOutForAStageThatNoSweepHas) {
  greet(1);
  next<StoreHere>(1);
  exchange_->handle(1, FetchFile{0, artifact(), {sha256("other")}, 0});
  EXPECT_THAT(next<FileMissing>(1).why, HasSubstr("no sweep that runs"));
}

TEST_F(FileExchanges, WhatIsOfferedAndWantedIsFetchedAndStored) {
  greet(1);
  next<StoreHere>(1);
  EXPECT_TRUE(exchange_->handle(1, offer("weights")));
  const FetchFile fetch = next<FetchFile>(1);
  EXPECT_EQ(fetch.file, artifact());
  EXPECT_EQ(fetch.rank, 2);
  EXPECT_FALSE(is_stored());
  EXPECT_TRUE(exchange_->handle(1, piece("weights")));
  const FileStored stored = next<FileStored>(1);
  EXPECT_EQ(stored.why, "");
  EXPECT_EQ(stored.rank, 2);
  EXPECT_EQ(read_file(paths_.artifact(stage_.key), 100), "weights");
  // The outcome is of this file or of none.
  EXPECT_FALSE(exchange_->settle(stage_.key, to_hex(sha256("others"))));
  EXPECT_TRUE(exchange_->settle(stage_.key, to_hex(sha256("weights"))));
}

TEST_F(FileExchanges, WhatIsNotWantedIsNotFetched) {
  greet(1);
  next<StoreHere>(1);
  claims_[1] = Core::FileClaim::foreign;
  exchange_->handle(1, offer("weights"));
  EXPECT_THAT(next<FileStored>(1).why, HasSubstr("does not make the stage"));
  claims_[1] = Core::FileClaim::done;  // and lies there already
  exchange_->handle(1, offer("weights"));
  EXPECT_EQ(next<FileStored>(1).why, "");
  OfferFile unknown = offer("weights");
  unknown.stage.digest = sha256("other");
  exchange_->handle(1, unknown);
  EXPECT_THAT(next<FileStored>(1).why, HasSubstr("no sweep that runs"));
  expect_silence(1);
}

// The stage was given to another pool while the pieces came.
TEST_F(FileExchanges, AStageThatIsNoLongerThePoolsTakesNoMorePieces) {
  greet(1);
  next<StoreHere>(1);
  exchange_->handle(1, offer("weights"));
  next<FetchFile>(1);
  claims_[1] = Core::FileClaim::foreign;
  exchange_->handle(1, piece("weights"));
  EXPECT_THAT(next<FileStored>(1).why, HasSubstr("does not make the stage"));
  EXPECT_FALSE(is_stored());
}

TEST_F(FileExchanges, APoolThatComesBackIsAskedOnTheNewConnection) {
  greet(1);
  next<StoreHere>(1);
  exchange_->handle(1, offer("weights"));
  next<FetchFile>(1);
  exchange_->silence(1);
  EXPECT_THROW(exchange_->handle(1, offer("weights")), std::out_of_range);
  greet(1);
  next<StoreHere>(1);
  exchange_->handle(1, offer("weights"));
  next<FetchFile>(1);
  exchange_->handle(1, piece("weights"));
  EXPECT_EQ(next<FileStored>(1).why, "");
}

TEST_F(FileExchanges, MorePiecesThanAPoolMayAskForAtOnceAreNoPools) {
  greet(1);
  next<StoreHere>(1);
  const FetchFile fetch{0, artifact(), stage_.key, 0};
  for (int i = 0; i < 2 * kPiecesOnTheWay; ++i) exchange_->handle(1, fetch);
  EXPECT_THROW(exchange_->handle(1, fetch), Error);
}

TEST_F(FileExchanges, WhatIsNotAboutFilesIsLeftToOthers) {
  greet(1);
  EXPECT_FALSE(exchange_->handle(1, Heartbeat{}));
}

}  // namespace
}  // namespace espalier
