// A data set that lies with the coordinator, and its copy here.
#include "worker/files/dataset_supply.h"

#include <unistd.h>

#include <gmock/gmock.h>

#include "base/error.h"
#include "base/files.h"
#include "experiments/datasets/dataset_listing.h"
#include "experiments/formats/safetensors.h"
#include "tests/worker/files/fake_supply.h"

namespace espalier {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// The coordinator has one data set, of one file.
class OneDataset : public FakeSupply {
 public:
  OneDataset(const std::filesystem::path& folder, std::string content, std::string bytes)
      : FakeSupply(folder), content_(std::move(content)), bytes_(std::move(bytes)) {}
  std::string bring(const FileName& file) override {
    if (is_here(file)) return "";
    const bool listing = file == dataset_listing(content_);
    fetched.push_back(listing ? "listing" : "file");
    std::filesystem::create_directories(place(file).parent_path());
    write_file_atomically(place(file), listing ? dataset_listing_text({"mine.safetensors"}) : bytes_);
    if (makes_room && !listing) std::filesystem::remove(place(file));
    return "";
  }

  std::vector<std::string> fetched;
  bool makes_room = false;

 private:
  const std::string content_, bytes_;
};

class DatasetElsewhere : public testing::Test {
 protected:
  DatasetElsewhere() {
    std::filesystem::create_directories(folder_);
    write_file_atomically(file(), bytes_);
    DatasetRequest request;
    request.name = "tensors";
    request.path = file();
    spec_ = resolve_dataset(request, {});
    supply_.emplace(folder_ / "cache", spec_.content, bytes_);
    std::filesystem::remove(file());
  }
  ~DatasetElsewhere() override { std::filesystem::remove_all(folder_); }

  std::string file() const { return folder_ / "mine.safetensors"; }
  std::int64_t load() { return load_or_fetch_dataset(spec_, file(), {}, &*supply_).train.count; }
  std::vector<std::string> fetched() { return std::exchange(supply_->fetched, {}); }
  void copy_has(const std::string& bytes) {
    const std::filesystem::path copy = supply_->place(dataset_file(spec_.content, "mine.safetensors"));
    write_file_atomically(copy, bytes);
    std::filesystem::last_write_time(copy, std::filesystem::file_time_type::clock::now() - std::chrono::hours(1));
  }

  const std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("espalier_dataset_supply_" + std::to_string(::getpid()));
  const std::string bytes_ = to_safetensors({{},
                                             {{"x", TensorType::u8, {12, 2}, std::string(24, 'x')},
                                              {"y", TensorType::u8, {12}, std::string(6, 0) + std::string(6, 1)}}});
  DatasetSpec spec_;
  std::optional<OneDataset> supply_;
};

TEST_F(DatasetElsewhere, IsFetchedOnce) {
  EXPECT_EQ(load(), spec_.train);
  EXPECT_THAT(fetched(), ElementsAre("listing", "file"));
  EXPECT_EQ(load(), spec_.train);
  EXPECT_THAT(fetched(), IsEmpty());
}

TEST_F(DatasetElsewhere, IsFetchedAnewWhereItsCopyIsDamaged) {
  load();
  fetched();
  std::string bad = bytes_;
  bad.back() = 0;
  for (const std::string& damaged : {bad, std::string("no such file"), std::string()}) {
    copy_has(damaged);
    EXPECT_EQ(load(), spec_.train);
    EXPECT_THAT(fetched(), Contains("file"));
  }
}

TEST_F(DatasetElsewhere, ThatIsAnotherByNowIsNotFetchedAgainAndAgain) {
  supply_.emplace(folder_ / "cache", spec_.content, "another");
  EXPECT_THROW(load(), Error);
  EXPECT_THAT(fetched(), ElementsAre("listing", "file"));
}

TEST_F(DatasetElsewhere, ThatDoesNotFitSaysSo) {
  supply_->makes_room = true;
  try {
    load();
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("--cache-gb"));
  }
}

}  // namespace
}  // namespace espalier
