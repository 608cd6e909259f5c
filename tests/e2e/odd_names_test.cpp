// A name of another encoding than UTF-8 is no reason for an internal error: shown with U+FFFD where JSON needs UTF-8,
// and refused by name where it would have to be read back as it was.
#include "tests/e2e/tiny_store.h"

namespace espalier {
namespace {

const std::string kOdd = "d\xff";
const std::string kShown = "d\xef\xbf\xbd";

class OddNames : public TinyStore {
 protected:
  void SetUp() override {
    TinyStore::SetUp();
    std::filesystem::create_directory(place(kOdd));
    std::filesystem::copy_file(place("ok.yaml"), place(kOdd + "/" + kOdd + ".yaml"));
  }
};

TEST_F(OddNames, EveryJsonIsPrinted) {
  std::filesystem::rename(place("S"), place(kOdd + "/S"));
  const std::string store = " --store " + kOdd + "/S";
  write(kOdd + "/S/artifacts/stray", "belongs to nobody");
  for (const std::string command :
       {"db check --json", "results --json", "status --json", "failures --json", "compare --json",
        "compare --format json", "layers tiny --json", "overlap tiny --json", "sensitivity tiny --json",
        "gc --dry-run --json", "gc --json", "db check --repair --json", "plan ok.yaml --json",
        "simulate ok.yaml --json"}) {
    const ProgramEnd end = run_line(command + store);
    EXPECT_EQ(end.exit_code, 0) << command << ": " << end.err;
    EXPECT_FALSE(nlohmann::json::parse(end.out, nullptr, false).is_discarded()) << command << ": " << end.out;
  }
  EXPECT_EQ(nlohmann::json::parse(run_line("db check --json" + store).out).at("store"), kShown + "/S");
  const ProgramEnd datasets = run_line("datasets --json --data " + kOdd);
  EXPECT_EQ(datasets.exit_code, 0) << datasets.err;
  EXPECT_NE(datasets.out.find(kShown + "/mnist"), std::string::npos) << datasets.out;
  expect_steps({{"check --json --data " + kOdd + " ok.yaml", 0, "\"trials\": 7"},
                {"run " + kOdd + "/" + kOdd + ".yaml --workers 1" + store, 0, "every result was there already"},
                {"pool slurm --time 10 --dry-run --json" + store, 2, "cannot stand in a batch script"},
                {"db backup " + kOdd + "/b" + store, 0, "checked"},
                {"export --trial KEY --weights " + kOdd + "/w" + store, 0, "wrote"},
                {"token write " + kOdd + "/t" + store, 0, "certificate"}});
}

TEST_F(OddNames, ACoordinatorIsAskedOfNone) {
  Program coordinator(espalier_command({"serve", "--store", place("S").string()}));
  while (coordinator.running() && !std::filesystem::exists(place("S/connection.json")))
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  const std::string why = " is not UTF-8, and a coordinator is asked in nothing else";
  expect_steps({{"submit ok.yaml --store S --data " + kOdd, 2, kShown + "\"" + why},
                {"submit " + kOdd + "/" + kOdd + ".yaml --store S", 2, "file: \"" + kShown},
                {"submit ok.yaml --store S --set " + kOdd + "=1", 2, "overrides: \"" + kShown + "=1\"" + why},
                {"cancel " + kOdd + " --store S", 2, "sweep: \"" + kShown + "\"" + why},
                {"pause " + kOdd + " --store S", 2, why},
                {"priority " + kOdd + " 3 --store S", 2, why},
                {"drain " + kOdd + " --store S", 2, "pool: \"" + kShown + "\"" + why}});
  std::vector<std::string> submit = espalier_command({"submit", place("ok.yaml").string()});
  submit.insert(submit.end(), {"--store", place("S").string(), "--data", "/"});
  const ProgramEnd from_there = Program(submit, {}, place(kOdd)).wait(60);
  EXPECT_EQ(from_there.exit_code, 2);
  EXPECT_NE(from_there.err.find("folder: \""), std::string::npos) << from_there.err;
  expect_steps({{"ps --json --store S", 0, "\"jobs\":[]"}, {"submit ok.yaml --store S", 0, "15 of 15 stages"}});
  coordinator.signal(SIGTERM);
  EXPECT_EQ(coordinator.wait(30).exit_code, 0);
}

}  // namespace
}  // namespace espalier
