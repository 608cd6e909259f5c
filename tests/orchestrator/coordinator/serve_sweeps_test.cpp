// What a coordinator that stays remembers of its sweeps, over its end and its next start. No pool joins.
#include "orchestrator/coordinator/serve_sweeps.h"

#include <functional>
#include <sstream>
#include <thread>
#include <unistd.h>

#include <SQLiteCpp/SQLiteCpp.h>
#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/files.h"
#include "experiments/formats/safetensors.h"
#include "orchestrator/client/client.h"
#include "orchestrator/sweeps/load_sweep.h"

namespace espalier {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

class ServeSweeps : public testing::Test {
 protected:
  /// Serves the store while `talk` does, and returns what was printed.
  std::string serve(const std::function<void()>& talk = [] {}) {
    std::ostringstream out;
    {
      ProgressLine progress(out, false);
      std::thread client;
      RunSettings settings;
      settings.store = paths_.root;
      settings.workers = 0;
      serve_sweeps(settings, progress, [&](int) {
        client = std::thread([&] {
          talk();
          ask("stop", json::object());
        });
      });
      client.join();
    }
    return out.str();
  }
  /// The answer, or the sentence it was refused with.
  json ask(const std::string& question, const json& arguments) {
    try {
      return json::parse(ask_coordinator(CoordinatorSource::in_store(paths_.root), question, arguments.dump(),
                                         std::chrono::seconds(60)));
    } catch (const Error& error) {
      ADD_FAILURE() << question << ": " << error.what();
      return json::object();
    }
  }
  json submit(const std::string& yaml, const std::vector<std::string>& overrides = {}, int priority = 0) {
    return ask("submit", {{"yaml", yaml},
                          {"file", "some.yaml"},
                          {"data", ""},
                          {"folder", home().string()},
                          {"overrides", overrides},
                          {"priority", priority}});
  }
  std::vector<Submission> open() { return Store(paths_.root).open_submissions(); }
  std::filesystem::path home() const { return folder_ / "home"; }
  void SetUp() override {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(home());
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  static std::string sweep_of(const std::string& dataset) {
    return "sweep: small\ndataset: " + dataset +
           "\nmodel: lenet-300-100\nseeds: 1\ntrain: {optimizer: sgd, lr: 0.1, batch_size: 10, epochs: 1}\n"
           "prune: {method: magnitude, sparsity: 0.5}\n";
  }
  const std::string glyphs_ = sweep_of("{name: glyphs, train: 60, validation: 20, test: 20}");
  const std::string tensors_ = sweep_of("{tensors: data.safetensors}");
  void write_tensors() const {
    const std::vector<float> x(100 * 4, 0.5F);
    std::vector<std::int64_t> y(100);
    for (std::size_t i = 0; i < y.size(); ++i) y[i] = static_cast<std::int64_t>(i % 2);
    const auto bytes = [](const auto& values) {
      return std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(values[0]));
    };
    write_file_atomically(
        home() / "data.safetensors",
        to_safetensors({{}, {{"x", TensorType::f32, {100, 4}, bytes(x)}, {"y", TensorType::i64, {100}, bytes(y)}}}));
  }

  const std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("espalier_serve_sweeps_" + std::to_string(::getpid()));
  const StorePaths paths_{folder_ / "store"};
};

TEST_F(ServeSweeps, ACancelledSweepStaysSo) {
  serve([&] {
    submit(glyphs_);
    ask("cancel", {{"sweep", "small"}});
  });
  EXPECT_TRUE(open().empty());
  EXPECT_THAT(serve(), Not(HasSubstr("going on")));
}

TEST_F(ServeSweeps, RelativePathsStayThoseOfWhoeverSubmittedIt) {
  write_tensors();
  serve([&] { submit(tensors_); });
  EXPECT_THAT(serve(), HasSubstr("going on with small"));
}

TEST_F(ServeSweeps, APathWithAZeroByteIsNotCutThere) {
  serve([&] {
    for (const char* key : {"folder", "file", "data"}) {
      json asked{{"yaml", glyphs_},
                 {"file", "some.yaml"},
                 {"data", ""},
                 {"folder", home().string()},
                 {"overrides", json::array()}};
      asked[key] = home().string() + std::string("\0x", 2);
      try {
        ask_coordinator(CoordinatorSource::in_store(paths_.root), "submit", asked.dump(), std::chrono::seconds(60));
        ADD_FAILURE() << key;
      } catch (const Error& error) {
        EXPECT_THAT(error.what(), HasSubstr("a path with a zero byte in it is none")) << key;
      }
    }
  });
  EXPECT_TRUE(open().empty());
}

TEST_F(ServeSweeps, WhatCannotBeReadNowIsTriedAgain) {
  write_tensors();
  serve([&] { submit(tensors_); });
  const std::filesystem::path away = folder_ / "away";
  std::filesystem::rename(home(), away);
  const std::string told = serve();
  EXPECT_THAT(told, HasSubstr("small cannot go on now"));
  EXPECT_THAT(told, HasSubstr("is not there: " + home().string()));
  std::filesystem::rename(away, home());
  EXPECT_THAT(serve(), HasSubstr("going on with small"));
}

TEST_F(ServeSweeps, AnotherSweepTakesThePlaceOfOneOfItsNameThatCannotGoOn) {
  write_tensors();
  serve([&] { submit(tensors_); });
  std::filesystem::remove(home() / "data.safetensors");
  serve([&] { submit(glyphs_); });
  const std::vector<Submission> left = open();
  ASSERT_EQ(left.size(), 1U);
  EXPECT_EQ(left[0].yaml, glyphs_);
}

TEST_F(ServeSweeps, AWrongConfigurationClosesNothing) {
  serve([&] { submit(glyphs_); });
  write_file_atomically(paths_.config(), "on_failur: {}\n");
  EXPECT_THROW(serve(), Error);
  EXPECT_EQ(open().size(), 1U);
  std::filesystem::remove(paths_.config());
  EXPECT_THAT(serve(), HasSubstr("going on with small"));
}

TEST_F(ServeSweeps, WhatBecameAnotherSweepIsClosedAndTheOtherIsNotBegun) {
  {
    Store store(paths_.root);
    const LoadedSweep was = load_sweep_text(glyphs_, "some.yaml", {"seeds=2"}, "", {});
    const SweepId id = store.record_sweep(was.name, glyphs_, was.trials, was.graph);
    store.apply({SweepSubmitted{id, 1, "", "program", "catalog", 0, false, true, home().string()}});
  }
  EXPECT_THAT(serve(), HasSubstr("small does not go on: this espalier makes other trials"));
  EXPECT_TRUE(open().empty());
  const LoadedSweep is = load_sweep_text(glyphs_, "some.yaml", {}, "", {});
  EXPECT_EQ(Store(paths_.root).find_sweep(is.name, is.trials, is.graph), std::nullopt);
}

// As text beside the sweep's own, they were mixed up with its comments, and lost their line breaks.
TEST_F(ServeSweeps, ASweepIsReadBackAsItWasSubmitted) {
  const std::vector<std::string> sets{"train=lr: 0.1\nbatch_size: 10\nepochs: 2", "controls=[random] # \"x\"\r\n",
                                      "resources.label=\xc3\xa9 100"};
  for (const char* tail : {"# --set train.epochs=9", "# --set train.epochs=9\n", "\n# --set resources.label=a100\n\n",
                           "# --set\r\n", ""}) {
    const std::string text = glyphs_ + tail;
    for (const auto& overrides : {std::vector<std::string>{}, sets}) {
      SetUp();
      serve([&] { submit(text, overrides); });
      EXPECT_EQ(open().at(0).yaml, text);
      EXPECT_EQ(open().at(0).overrides, overrides);
      EXPECT_THAT(serve(), HasSubstr("going on with small")) << text;
      EXPECT_EQ(open().at(0).yaml, text);
      EXPECT_EQ(open().at(0).overrides, overrides);
    }
  }
}

TEST_F(ServeSweeps, AStoreOfAnEarlierVersionHasThemInTheText) {
  serve([&] { submit(glyphs_, {"train.epochs=2"}); });
  SQLite::Database(paths_.database(), SQLite::OPEN_READWRITE)
      .exec("UPDATE sweeps SET overrides = NULL, yaml = yaml || '# --set train.epochs=2' || char(10)");
  EXPECT_THAT(serve(), HasSubstr("going on with small"));
  EXPECT_EQ(open().at(0).overrides, std::vector<std::string>{"train.epochs=2"});
}

TEST_F(ServeSweeps, SubmittingWhatRunsChangesNothing) {
  serve([&] {
    EXPECT_EQ(submit(glyphs_, {}, 3).at("runs_already"), false);
    ask("pause", {{"sweep", "small"}});
    const json again = submit(glyphs_);
    EXPECT_EQ(again.at("runs_already"), true);
    EXPECT_EQ(again.at("trials"), 3);
    EXPECT_EQ(again.at("done"), 0);
  });
  const Submission kept = open().at(0);
  EXPECT_TRUE(kept.paused);
  EXPECT_EQ(kept.priority, 3);
}

}  // namespace
}  // namespace espalier
