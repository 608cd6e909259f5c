// What goes between a coordinator and the ranks of a pool: rank 0 has the connection, rank 1 its own files.
#include "worker/comm/file_relay.h"

#include <atomic>
#include <chrono>
#include <deque>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "base/error.h"
#include "base/files.h"
#include "tests/worker/comm/two_ranks.h"
#include "worker/artifacts/artifact_store.h"

namespace espalier {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

class FileRelays : public TwoRanks {
 protected:
  void SetUp() override {
    files_.begin(key_, stop_, &pulse_);
    if (leads()) {
      relay_.emplace(mailbox(), files_, cache_);
    } else {
      service_.emplace(mailbox(), files_, cache_,
                       [](const Message& message) { mailbox().post(0, MailTag::file, encode(message)); });
    }
  }
  void TearDown() override {
    TwoRanks::TearDown();
    if (coordinator_) coordinator_->close();
    if (here_) here_->close();
    io_.run_for(std::chrono::milliseconds(50));
    if (leads()) std::filesystem::remove_all(folder_);
  }
  void handle(const Mail& mail) override {
    if (relay_) {
      EXPECT_TRUE(relay_->handle(mail));
    } else if (mail.tag == MailTag::file) {
      service_->handle(decode_message(mail.bytes));
    } else {
      service_->handle(mail);
    }
  }
  void turn() override {
    relay_ ? relay_->pump() : service_->pump();
    io_.poll();
    io_.restart();
  }

  /// Rank 0: a connection over loopback whose other end is the coordinator's.
  void connect() {
    tcp::acceptor acceptor(io_, {asio::ip::make_address("127.0.0.1"), 0});
    tcp::socket there(io_), here(io_);
    there.connect(acceptor.local_endpoint());
    acceptor.accept(here);
    here_ = std::make_shared<Connection>(std::move(here));
    coordinator_ = std::make_shared<Connection>(std::move(there));
    coordinator_->trust();
    asio::co_spawn(io_, listen(coordinator_), asio::detached);
    relay_->joined(here_);
  }
  void disconnect() {
    relay_->lost();
    coordinator_->close();
    here_->close();
  }
  asio::awaitable<void> listen(ConnectionPtr connection) {
    try {
      while (true) heard_.push_back(co_await connection->receive());
    } catch (const Error&) {  // it was closed
    }
  }
  /// Rank 0: the next message that the coordinator hears.
  template <typename T>
  T next() {
    pump_until([&] { return !heard_.empty(); });
    const Message message = std::move(heard_.front());
    heard_.pop_front();
    if (const T* wanted = std::get_if<T>(&message)) return *wanted;
    ADD_FAILURE() << "the coordinator hears message " << message.index();
    return {};
  }
  /// Rank 1: leaves a file that the coordinator is to have.
  void leave_artifact() {
    pump_until([&] { return files_.is_elsewhere(); });
    ArtifactStore(files_.store().artifacts(), &files_)
        .write(key_, {{{"kind", "weights"}}, {{"w", TensorType::u8, {3}, "abc"}}});
  }

  // Of both ranks: mpirun's processes have one parent.
  const std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("espalier_file_relay_" + std::to_string(::getppid()) +
                                                testing::UnitTest::GetInstance()->current_test_info()->name());
  CacheFolder cache_{folder_ / "cache", 0};
  RankFiles files_{StorePaths{folder_ / "store"}, cache_};
  const StageKey key_{sha256("a stage")};
  const FileName file_ = file_of_stage(FileKind::artifact, key_);
  std::atomic<bool> stop_{false};
  Pulse pulse_;
  asio::io_context io_;
  ConnectionPtr here_, coordinator_;
  std::deque<Message> heard_;
  std::optional<FileRelay> relay_;      ///< of rank 0
  std::optional<FileService> service_;  ///< of rank 1
};

const Message kAnotherStore{StoreHere{"another machine's"}};

TEST_F(FileRelays, OffersGoToTheCoordinatorAndItsAnswersToTheRank) {
  if (!leads()) {
    leave_artifact();
    return pump_until([&] { return !files_.is_sending_anything(); });
  }
  connect();
  EXPECT_TRUE(relay_->handle(kAnotherStore));
  EXPECT_TRUE(files_.is_elsewhere());  // it is said to rank 0 too
  const OfferFile offer = next<OfferFile>();
  EXPECT_EQ(offer.rank, 1);
  EXPECT_EQ(offer.file, file_);
  EXPECT_TRUE(relay_->handle(Message{FetchFile{1, offer.file, key_, 0}}));
  const FilePiece piece = next<FilePiece>();
  EXPECT_EQ(piece.rank, 1);
  EXPECT_EQ(sha256(piece.bytes), offer.sha256);
  EXPECT_TRUE(relay_->handle(Message{FileStored{1, offer.file, offer.sha256, ""}}));
}

TEST_F(FileRelays, WhatIsNotStoredYetIsOfferedToTheNextConnection) {
  if (!leads()) {
    leave_artifact();
    return pump_until([&] { return !files_.is_sending_anything(); });
  }
  connect();
  relay_->handle(kAnotherStore);
  const OfferFile offer = next<OfferFile>();
  disconnect();
  connect();
  const OfferFile again = next<OfferFile>();
  EXPECT_EQ(again.file, offer.file);
  EXPECT_EQ(again.sha256, offer.sha256);
  relay_->handle(Message{FileStored{1, offer.file, offer.sha256, ""}});
  disconnect();
  connect();
  relay_->handle(Message{FetchFile{0, file_, key_, 0}});  // the answer to this comes after any offer
  next<FileMissing>();
}

TEST_F(FileRelays, WhatARankWantsIsAskedForAgainWhenTheCoordinatorIsBack) {
  if (!leads()) {
    pump_until([&] { return files_.is_elsewhere(); });
    std::atomic<bool> ended{false};
    std::string why = "not yet";
    std::thread compute([&] {
      why = files_.bring(file_);
      ended = true;
    });
    pump_until([&] { return ended.load(); });
    compute.join();
    EXPECT_EQ(why, "");
    EXPECT_EQ(read_file(cache_.place(file_), 100), "weights");
    return;
  }
  connect();
  relay_->handle(kAnotherStore);
  EXPECT_EQ(next<FetchFile>().file, file_);
  disconnect();
  connect();
  const FetchFile fetch = next<FetchFile>();
  EXPECT_EQ(fetch.file, file_);
  EXPECT_EQ(fetch.stage, key_);
  relay_->handle(Message{FilePiece{0, file_, 0, 7, sha256("weights"), "weights"}});
}

TEST_F(FileRelays, NothingIsSentToARankThatHasLeft) {
  if (leads()) {
    relay_->rank_left(1);
    relay_->handle(kAnotherStore);
  }
  meet();
  EXPECT_EQ(files_.is_elsewhere(), leads());
}

TEST_F(FileRelays, WhatIsNotAboutFilesIsLeftToOthers) {
  if (!leads()) return;
  EXPECT_FALSE(relay_->handle(Message{Heartbeat{}}));
  EXPECT_FALSE(relay_->handle(Mail{1, MailTag::reports, ""}));
}

}  // namespace
}  // namespace espalier
