// Downloads from a real https server on this machine, which breaks off, lies and hangs.
#include "orchestrator/fetch/fetch_files.h"

#include <cstdlib>

#include <gmock/gmock.h>

#include "base/error.h"
#include "base/file_lock.h"
#include "base/files.h"
#include "tests/cluster/auth/store_folder.h"
#include "tests/orchestrator/fetch/https_server.h"

namespace espalier {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

std::string some_bytes(std::size_t count) {
  std::string bytes;
  for (std::size_t i = 0; i < count; ++i) bytes += static_cast<char>(i * i % 251);
  return bytes;
}

class FetchFiles : public testing::Test {
 protected:
  FetchFiles() {
    ::setenv("no_proxy", "127.0.0.1", 1);
    options_.pause = std::chrono::milliseconds(0);
  }

  /// The file, from each of these servers' addresses.
  RemoteFile remote(const std::vector<const HttpsServer*>& servers) const {
    RemoteFile file{"a.gz", {}, file_.size(), sha256(file_)};
    for (const HttpsServer* server : servers) file.urls.push_back(server->url() + "a.gz");
    return file;
  }
  FetchSummary fetch(const HttpsServer& server) {
    options_.ca_file = server.ca_file();
    return fetch_files({remote({&server})}, folder(), options_);
  }
  Error error_of_fetch(const HttpsServer& server) {
    try {
      fetch(server);
    } catch (const Error& error) {
      return error;
    }
    return {ErrorKind::internal, "no error"};
  }
  std::vector<std::string> names() const {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(folder()))
      found.push_back(entry.path().filename().string());
    return found;
  }
  std::filesystem::path folder() const { return root_ / "data"; }
  std::string fetched() const { return read_file(folder() / "a.gz", 1 << 24); }
  void leave(const std::string& name, std::string_view bytes) const {
    std::filesystem::create_directories(folder());
    write_file_atomically(folder() / name, bytes);
  }

  const std::string file_ = some_bytes(300'000);
  StoreFolder root_;
  FetchOptions options_;
};

TEST_F(FetchFiles, AFileIsFetchedWholeAndNothingElseIsLeft) {
  const HttpsServer server([&](const HttpRequest& request) { return part_of_file(file_, request); });
  std::uint64_t told = 0;
  options_.progress = [&](const FetchProgress& progress) { told = progress.there; };
  const FetchSummary summary = fetch(server);
  EXPECT_EQ(fetched(), file_);
  EXPECT_THAT(names(), ElementsAre("a.gz"));
  ASSERT_EQ(summary.files.size(), 1U);
  EXPECT_EQ(summary.files[0].path, folder() / "a.gz");
  EXPECT_EQ(summary.files[0].received, file_.size());
  EXPECT_EQ(summary.files[0].url, server.url() + "a.gz");
  EXPECT_FALSE(summary.stopped || summary.files[0].was_there);
  EXPECT_EQ(told, file_.size());
}

TEST_F(FetchFiles, AFileThatIsThereIsNotFetchedAgain) {
  const HttpsServer server([&](const HttpRequest& request) { return part_of_file(file_, request); });
  leave("a.gz", file_);
  const FetchSummary summary = fetch(server);
  EXPECT_TRUE(summary.files.at(0).was_there);
  EXPECT_EQ(summary.files.at(0).received, 0U);
  EXPECT_THAT(server.requests(), IsEmpty());
}

TEST_F(FetchFiles, AnotherFileOfThatNameIsLeftAsItIs) {
  const HttpsServer server([&](const HttpRequest& request) { return part_of_file(file_, request); });
  leave("a.gz", "mine");
  const Error error = error_of_fetch(server);
  EXPECT_EQ(error.kind(), ErrorKind::invalid_input);
  EXPECT_THAT(error.what(), AllOf(HasSubstr((folder() / "a.gz").string() + ": is there, but is another file"),
                                  HasSubstr(to_hex(sha256("mine"))), HasSubstr("move it away")));
  EXPECT_EQ(fetched(), "mine");
}

TEST_F(FetchFiles, AConnectionThatBreaksOffIsTakenUpWhereItWas) {
  int answers = 0;
  const HttpsServer server([&](const HttpRequest& request) {
    return broken_off(part_of_file(file_, request), answers++ == 0 ? 100'000 : 0);
  });
  const FetchSummary summary = fetch(server);
  EXPECT_EQ(fetched(), file_);
  ASSERT_EQ(server.requests().size(), 2U);
  EXPECT_EQ(server.requests()[1].range, "bytes=200000-");
  EXPECT_EQ(server.body_bytes(), file_.size());
  EXPECT_EQ(summary.files.at(0).received, file_.size());
}

TEST_F(FetchFiles, WhatAnEarlierRunLeftIsContinuedFromAnotherMirror) {
  const HttpsServer broken([&](const HttpRequest& request) {
    if (!request.range.empty()) return redirect_to("https://127.0.0.1:1/");  // refused
    return broken_off(part_of_file(file_, request), 100'000);
  });
  const Error error = error_of_fetch(broken);
  EXPECT_EQ(error.kind(), ErrorKind::unavailable);
  EXPECT_THAT(error.what(), AllOf(HasSubstr((folder() / "a.gz").string() + ": could not be fetched"),
                                  HasSubstr(broken.url() + "a.gz: ")));
  EXPECT_THAT(names(), ElementsAre("a.gz.part"));
  const HttpsServer server([&](const HttpRequest& request) { return part_of_file(file_, request); });
  EXPECT_EQ(fetch(server).files.at(0).received, 100'000U);
  EXPECT_EQ(server.body_bytes(), 100'000U);
  EXPECT_EQ(fetched(), file_);
  EXPECT_THAT(names(), ElementsAre("a.gz"));
}

TEST_F(FetchFiles, AServerWithoutRangesSendsAllOfItAgain) {
  const HttpsServer server([&](const HttpRequest&) { return whole_file(file_); });
  leave("a.gz.part", file_.substr(0, 1000));
  EXPECT_EQ(fetch(server).files.at(0).received, file_.size());
  EXPECT_EQ(server.requests().at(0).range, "bytes=1000-");
  EXPECT_EQ(fetched(), file_);
}

TEST_F(FetchFiles, WhatWasLeftOfAnotherFileIsFoundOutAndFetchedAnew) {
  const HttpsServer server([&](const HttpRequest& request) { return part_of_file(file_, request); });
  leave("a.gz.part", std::string(1000, 'x'));
  fetch(server);
  EXPECT_EQ(fetched(), file_);
  ASSERT_EQ(server.requests().size(), 2U);
  EXPECT_EQ(server.requests()[1].range, "");
  leave("b", "");
  std::filesystem::remove(folder() / "a.gz");
  leave("a.gz.part", std::string(file_.size() + 1, 'x'));  // longer than it can be
  fetch(server);
  EXPECT_EQ(fetched(), file_);
}

TEST_F(FetchFiles, AnotherFileIsNotPutInPlace) {
  std::string other = file_;
  other[5] ^= 1;
  const HttpsServer server([&](const HttpRequest& request) { return part_of_file(other, request); });
  const Error error = error_of_fetch(server);
  EXPECT_EQ(error.kind(), ErrorKind::corrupt);
  EXPECT_THAT(error.what(), AllOf(HasSubstr(server.url() + "a.gz: has another file"), HasSubstr(to_hex(sha256(other))),
                                  HasSubstr(to_hex(sha256(file_)))));
  EXPECT_THAT(names(), IsEmpty());
  EXPECT_EQ(server.requests().size(), 1U);
}

TEST_F(FetchFiles, TheNextMirrorIsTriedWhereOneHasAnotherFile) {
  // One server for both, since one file names the authorities.
  const HttpsServer server([&](const HttpRequest& request) {
    return part_of_file(request.target == "/wrong/a.gz" ? std::string(file_.size(), 'x') : file_, request);
  });
  options_.ca_file = server.ca_file();
  RemoteFile file = remote({&server});
  file.urls = {server.url() + "wrong/a.gz", server.url() + "right/a.gz"};
  EXPECT_EQ(fetch_files({file}, folder(), options_).files.at(0).url, file.urls[1]);
  EXPECT_EQ(fetched(), file_);
}

TEST_F(FetchFiles, MoreThanWasAnnouncedIsNotWritten) {
  const HttpsServer announced([&](const HttpRequest&) { return whole_file(file_ + "more"); });
  EXPECT_THAT(error_of_fetch(announced).what(), HasSubstr("announces 300004 bytes where 300000 are missing"));
  EXPECT_THAT(names(), IsEmpty());
  const HttpsServer unannounced([&](const HttpRequest&) {
    return HttpReply{"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + file_ + file_, 2 * file_.size(), false};
  });
  const Error error = error_of_fetch(unannounced);
  EXPECT_EQ(error.kind(), ErrorKind::unavailable);
  EXPECT_THAT(error.what(), HasSubstr("sends more than the 300000 bytes"));
  EXPECT_LE(std::filesystem::file_size(folder() / "a.gz.part"), file_.size());
}

TEST_F(FetchFiles, AnotherPartThanTheOneAskedForIsRefused) {
  const HttpsServer server([&](const HttpRequest&) { return part_of_file(file_, {"", "bytes=2000-"}); });
  leave("a.gz.part", file_.substr(0, 1000));
  EXPECT_THAT(error_of_fetch(server).what(), HasSubstr("sent another part of the file"));
  const HttpsServer grown([&](const HttpRequest& request) { return part_of_file(file_ + "more", request); });
  EXPECT_THAT(error_of_fetch(grown).what(), HasSubstr("has a file of 300004 bytes, not of 300000"));
  EXPECT_THAT(names(), ElementsAre("a.gz.part"));
}

TEST_F(FetchFiles, RedirectsAreFollowedToHttpsAlone) {
  const HttpsServer server([&](const HttpRequest& request) {
    return request.target == "/a.gz" ? redirect_to("/elsewhere") : part_of_file(file_, request);
  });
  fetch(server);
  EXPECT_EQ(fetched(), file_);
  std::filesystem::remove(folder() / "a.gz");
  for (const std::string place : {"http://127.0.0.1:1/a.gz", "file:///etc/passwd"}) {
    const HttpsServer away([&](const HttpRequest&) { return redirect_to(place); });
    const Error error = error_of_fetch(away);
    EXPECT_EQ(error.kind(), ErrorKind::unavailable) << place;
    EXPECT_THAT(error.what(), HasSubstr("leads to an address without https")) << place;
  }
  const HttpsServer round([&](const HttpRequest&) { return redirect_to("/a.gz"); });
  EXPECT_THAT(error_of_fetch(round).what(), HasSubstr("redirects"));
  EXPECT_EQ(round.requests().size(), 6U);
  EXPECT_THAT(names(), IsEmpty());
}

TEST_F(FetchFiles, OnlyHttpsIsAskedForAFile) {
  for (const std::string url : {"http://127.0.0.1:1/a", "file:///etc/passwd", "ftp://127.0.0.1/a"}) {
    try {
      fetch_files({{"a.gz", {url}, 1, {}}}, folder(), options_);
      FAIL() << url;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::invalid_input);
      EXPECT_THAT(error.what(), HasSubstr(url + ": files are fetched over https alone"));
    }
  }
}

TEST_F(FetchFiles, ACertificateThatNobodyTrustsIsRefused) {
  const HttpsServer server([&](const HttpRequest& request) { return part_of_file(file_, request); });
  const HttpsServer other([&](const HttpRequest& request) { return part_of_file(file_, request); });
  for (const std::filesystem::path& ca_file : {std::filesystem::path(), other.ca_file()}) {
    options_.ca_file = ca_file;
    try {
      fetch_files({remote({&server})}, folder(), options_);
      FAIL() << ca_file;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::unavailable);
      EXPECT_THAT(error.what(), AllOf(HasSubstr("its certificate is not trusted"), HasSubstr("--ca-file")));
    }
  }
  EXPECT_THAT(server.requests(), IsEmpty());
  EXPECT_THAT(names(), IsEmpty());
}

TEST_F(FetchFiles, AFileOfAuthoritiesThatIsNoneIsNamed) {
  options_.ca_file = root_ / "none.pem";
  const HttpsServer server([&](const HttpRequest& request) { return part_of_file(file_, request); });
  try {
    fetch_files({remote({&server})}, folder(), options_);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::invalid_input);
    EXPECT_THAT(error.what(), HasSubstr((root_ / "none.pem").string() + ": no certificates in PEM"));
  }
}

TEST_F(FetchFiles, WhatAServerAnswersInsteadIsSaid) {
  const HttpsServer server([&](const HttpRequest&) {
    return HttpReply{"HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 4\r\n\r\nnone", 4, false};
  });
  EXPECT_THAT(error_of_fetch(server).what(), HasSubstr("404"));
  EXPECT_THAT(names(), IsEmpty());
}

TEST_F(FetchFiles, TheProxyOfTheEnvironmentIsAsked) {
  const HttpsServer server([&](const HttpRequest& request) { return part_of_file(file_, request); });
  ::setenv("https_proxy", "http://127.0.0.1:1", 1);
  ::unsetenv("no_proxy");
  const Error error = error_of_fetch(server);
  ::unsetenv("https_proxy");
  EXPECT_EQ(error.kind(), ErrorKind::unavailable);
  EXPECT_THAT(error.what(), HasSubstr("Failed to connect to 127.0.0.1 port 1 "));
  EXPECT_THAT(server.requests(), IsEmpty());
}

TEST_F(FetchFiles, OneThatIsStoppedGoesOnFromThere) {
  const HttpsServer hanging([&](const HttpRequest& request) {
    HttpReply reply = broken_off(part_of_file(file_, request), 100'000);
    reply.hangs = true;
    return reply;
  });
  std::uint64_t there = 0;
  options_.progress = [&](const FetchProgress& progress) { there = progress.there; };
  options_.stopped = [&] { return there == 200'000; };
  const FetchSummary stopped = fetch(hanging);
  EXPECT_TRUE(stopped.stopped);
  EXPECT_THAT(stopped.files, IsEmpty());
  EXPECT_THAT(names(), ElementsAre("a.gz.part"));
  options_.stopped = [] { return false; };
  const HttpsServer server([&](const HttpRequest& request) { return part_of_file(file_, request); });
  fetch(server);
  EXPECT_EQ(server.body_bytes(), 100'000U);
  EXPECT_EQ(fetched(), file_);
}

TEST_F(FetchFiles, AServerThatHangsIsGivenUp) {
  const HttpsServer hanging([](const HttpRequest&) { return HttpReply{"", 0, true}; });
  options_.stall_limit = std::chrono::seconds(1);
  const Error error = error_of_fetch(hanging);
  EXPECT_EQ(error.kind(), ErrorKind::unavailable);
  EXPECT_THAT(error.what(), HasSubstr("too slow"));
  EXPECT_THAT(names(), IsEmpty());
}

TEST_F(FetchFiles, TwoAtATimeAreNotLetIntoOneFolder) {
  leave("b", "");
  const FileLock lock(folder() / "fetch.lock", "process 1");
  const HttpsServer server([&](const HttpRequest& request) { return part_of_file(file_, request); });
  const Error error = error_of_fetch(server);
  EXPECT_EQ(error.kind(), ErrorKind::unavailable);
  EXPECT_THAT(error.what(), AllOf(HasSubstr("another fetch is at work here"), HasSubstr("process 1")));
}

TEST_F(FetchFiles, ALinkUnderTheNameOfAPartialFileIsNotFollowed) {
  leave("b", "mine");
  std::filesystem::create_symlink(folder() / "b", folder() / "a.gz.part");
  const HttpsServer server([&](const HttpRequest& request) { return part_of_file(file_, request); });
  EXPECT_THAT(error_of_fetch(server).what(), HasSubstr("is a symbolic link"));
  EXPECT_EQ(read_file(folder() / "b", 100), "mine");
}

TEST(FetchProgressText, HasRateAndTimeLeftOnceTheyAreKnown) {
  EXPECT_EQ(fetch_progress_text({"a.gz", 9'900'000, 1'000'000, 0, 0}), "a.gz: 1.0 of 9.9 MB");
  // 4 MB were there before: 2 MB in 4 s, and 4 are left.
  EXPECT_EQ(fetch_progress_text({"a.gz", 10'000'000, 6'000'000, 2'000'000, 4}),
            "a.gz: 6.0 of 10.0 MB, 0.5 MB/s, about 8.0 s left");
  EXPECT_EQ(fetch_progress_text({"a.gz", 10'000'000, 10'000'000, 6'000'000, 4}), "a.gz: 10.0 of 10.0 MB, 1.5 MB/s");
}

}  // namespace
}  // namespace espalier
