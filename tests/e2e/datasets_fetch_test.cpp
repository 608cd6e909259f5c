// `espalier datasets fetch`, as it is typed, against an https server on this machine.
#include <csignal>
#include <cstdlib>
#include <map>
#include <thread>
#include <utility>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "tests/cluster/auth/store_folder.h"
#include "tests/e2e/program.h"
#include "tests/needs.h"
#include "tests/orchestrator/fetch/https_server.h"

namespace espalier {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr std::size_t kTrainImagesBytes = 9'912'422;
constexpr std::size_t kSentBytes = 1'000'000;

/// The first of MNIST's files: of the right size, and wrong.
HttpReply wrong_images(const HttpRequest& request) {
  return part_of_file(std::string(kTrainImagesBytes, 'x'), request);
}

class DatasetsFetch : public testing::Test {
 protected:
  std::vector<std::string> command(const HttpsServer& server) const {
    return espalier_command({"datasets", "fetch", "mnist", "--json", "--data", (folder_ / "data").string(), "--mirror",
                             server.url() + "mnist", "--ca-file", server.ca_file().string()});
  }
  ProgramEnd fetch(const HttpsServer& server) const { return Program(command(server), kEnvironment).wait(60); }
  std::filesystem::path partial() const { return folder_ / "data/mnist/train-images-idx3-ubyte.gz.part"; }

  const std::map<std::string, std::string> kEnvironment{{"no_proxy", "127.0.0.1"}};
  StoreFolder folder_;
};

TEST_F(DatasetsFetch, AWrongFileIsNotKeptAndTheUserIsToldWhatToDo) {
  const HttpsServer server(wrong_images);
  const ProgramEnd end = fetch(server);
  EXPECT_EQ(end.exit_code, 5);
  EXPECT_EQ(end.out, "");
  EXPECT_THAT(end.err, AllOf(HasSubstr(server.url() + "mnist/train-images-idx3-ubyte.gz: has another file"),
                             HasSubstr("by hand: download train-images-idx3-ubyte.gz"),
                             HasSubstr("into " + (folder_ / "data/mnist").string())));
  EXPECT_TRUE(std::filesystem::is_empty(folder_ / "data/mnist"));
}

TEST_F(DatasetsFetch, AHostThatIsNotThereIsNamed) {
  const ProgramEnd end = espalier(
      {"datasets", "fetch", "fashion_mnist", "--data", (folder_ / "data").string(), "--mirror", "https://127.0.0.1:1/"},
      kEnvironment);
  EXPECT_EQ(end.exit_code, 3);
  EXPECT_THAT(end.err, AllOf(HasSubstr("https://127.0.0.1:1/train-images-idx3-ubyte.gz: Failed to connect"),
                             HasSubstr("by hand: download train-images-idx3-ubyte.gz"), HasSubstr("fashion_mnist")));
}

TEST_F(DatasetsFetch, CtrlCStopsItAndTheSameCommandGoesOn) {
  bool hung = false;
  const HttpsServer server([&hung](const HttpRequest& request) {
    HttpReply reply = wrong_images(request);
    if (std::exchange(hung, true)) return reply;
    reply = broken_off(std::move(reply), kTrainImagesBytes - kSentBytes);
    reply.hangs = true;
    return reply;
  });
  Program program(command(server), kEnvironment);
  std::error_code error;
  for (int i = 0; i < 3000 && std::filesystem::file_size(partial(), error) != kSentBytes; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  program.signal(SIGINT);
  const ProgramEnd end = program.wait(30);
  EXPECT_EQ(end.exit_code, 130) << end.err;
  EXPECT_THAT(end.err, HasSubstr("the same command goes on from here: espalier datasets fetch mnist --data "));
  const nlohmann::json told = nlohmann::json::parse(end.out);
  EXPECT_FALSE(told["complete"]);
  EXPECT_EQ(told["dataset"], "mnist");
  EXPECT_EQ(std::filesystem::file_size(partial()), kSentBytes);
  fetch(server);
  ASSERT_GE(server.requests().size(), 2U);
  EXPECT_EQ(server.requests()[1].range, "bytes=1000000-");
}

/// One of MNIST's files as LeCun published it, from any gzipped file of its content: gzip -6 wrote it, under another
/// name, at a time that the file tells.
struct PublishedFile {
  const char* name;
  const char* name_within;
  std::uint32_t written_at;  ///< seconds since 1970
};
constexpr PublishedFile kPublished[] = {
    {"train-images-idx3-ubyte.gz", "train-images.idx3-ubyte", 848'331'386},
    {"train-labels-idx1-ubyte.gz", "train-labels.idx1-ubyte", 848'331'398},
    {"t10k-images-idx3-ubyte.gz", "t10k-images.idx3-ubyte", 885'827'245},
    {"t10k-labels-idx1-ubyte.gz", "t10k-labels.idx1-ubyte", 885'827'268},
};

std::string as_published(const PublishedFile& file, const std::filesystem::path& from) {
  constexpr std::size_t kHeadBytes = 10;
  const std::string again = "gzip -dc " + (from / file.name).string() + " | gzip -n -6";
  const std::string packed = Program({"/bin/sh", "-c", again}).wait(60).out;
  std::string bytes("\x1f\x8b\x08\x08", 4);
  for (const int shift : {0, 8, 16, 24}) bytes += static_cast<char>(file.written_at >> shift & 0xff);
  return bytes + std::string("\0\x03", 2) + file.name_within + '\0' + packed.substr(kHeadBytes);
}

class DatasetsFetchOfMnist : public DatasetsFetch {
 protected:
  void SetUp() override {
    data_ = folder_named_by("ESPALIER_TEST_DATA", ESPALIER_TEST_DATA_DEFAULT);
    ESPALIER_NEEDS("mnist", std::filesystem::exists(data_ / "mnist"),
                   "no mnist in " << data_ << "; set ESPALIER_TEST_DATA");
  }
  std::filesystem::path data_;
};

TEST_F(DatasetsFetchOfMnist, OneCommandBringsAllOfIt) {
  std::map<std::string, std::string> files;
  std::uint64_t bytes = 0;
  for (const PublishedFile& file : kPublished) {
    const std::string& made = files["/mnist/" + std::string(file.name)] = as_published(file, data_ / "mnist");
    bytes += made.size();
  }
  bool broke_off = false;
  const HttpsServer server([&](const HttpRequest& request) {
    HttpReply reply = part_of_file(files.at(request.target), request);
    return std::exchange(broke_off, true) ? reply : broken_off(std::move(reply), kSentBytes);
  });
  ProgramEnd end = fetch(server);
  ASSERT_EQ(end.exit_code, 0) << end.err;
  nlohmann::json told = nlohmann::json::parse(end.out);
  EXPECT_TRUE(told["complete"]);
  EXPECT_EQ(told["received_bytes"], bytes);
  EXPECT_EQ(told["files"].size(), 4U);
  EXPECT_EQ(server.body_bytes(), bytes);
  EXPECT_EQ(server.requests().size(), 5U);
  end = espalier({"check", std::string(ESPALIER_SOURCE_DIR) + "/experiments/sweeps/mnist-curves.yaml", "--data",
                  (folder_ / "data").string()});
  EXPECT_EQ(end.exit_code, 0) << end.out << end.err;
  told = nlohmann::json::parse(fetch(server).out);
  EXPECT_TRUE(told["complete"]);
  EXPECT_EQ(told["received_bytes"], 0);
  EXPECT_EQ(server.requests().size(), 5U);
}

TEST_F(DatasetsFetchOfMnist, WhatIsThereInAnyFormIsNotFetched) {
  const HttpsServer server(wrong_images);
  std::filesystem::create_directory_symlink(data_, folder_ / "data");
  const ProgramEnd end = fetch(server);
  EXPECT_EQ(end.exit_code, 0) << end.err;
  const nlohmann::json told = nlohmann::json::parse(end.out);
  EXPECT_TRUE(told["complete"]);
  EXPECT_EQ(told["received_bytes"], 0);
  EXPECT_EQ(told["folder"], (folder_ / "data/mnist").string());
  EXPECT_TRUE(server.requests().empty());
}

}  // namespace
}  // namespace espalier
