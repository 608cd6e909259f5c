// What pools may read of the coordinator's machine: what a stage names, and nothing else.
#include "orchestrator/transfer/stage_files.h"

#include <unistd.h>

#include <gmock/gmock.h>

#include "base/files.h"
#include "experiments/datasets/dataset_listing.h"
#include "experiments/stages/stage_spec.h"

namespace espalier {
namespace {

using testing::HasSubstr;

class FilesOfStages : public testing::Test {
 protected:
  void SetUp() override {
    put("artifacts/" + hex(train_).substr(0, 2) + "/" + hex(train_) + ".safetensors", "weights");
    put("checkpoints/" + hex(train_) + ".safetensors", "half");
    put("secret", "nobody's business");
    for (const char* name : {"train-images-idx3-ubyte", "train-labels-idx1-ubyte.gz", "t10k-images-idx3-ubyte",
                             "t10k-labels-idx1-ubyte"}) {
      put(std::string("digits/") + name, name);
    }
    put("digits/other", "not of the dataset");
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  void put(const std::string& name, const std::string& bytes) {
    std::filesystem::create_directories((folder_ / name).parent_path());
    write_file_atomically(folder_ / name, bytes);
  }
  static std::string hex(const Stage& stage) { return to_hex(stage.key); }

  Stage stage(const std::string& name, StageKind kind, std::string spec) {
    Stage stage;
    stage.key.digest = sha256(name);
    stage.kind = kind;
    stage.spec = std::make_shared<const std::string>(std::move(spec));
    stage.dataset_path = std::make_shared<const std::string>((folder_ / "digits").string());
    return stage;
  }
  EvaluateSpec evaluate_spec() const {
    return {{"lenet-300-100", {1, 28, 28}, 10}, {"idx", "idx:1", 10, 2, 5, {1, 28, 28}, 10, 0}};
  }

  std::string bytes_of(const FileName& file, const Stage& stage, std::uint64_t offset = 0) {
    const Message message = files_.answer({0, file, stage.key, offset}, stage);
    if (const FilePiece* piece = std::get_if<FilePiece>(&message)) return piece->bytes;
    return "missing: " + std::get<FileMissing>(message).why;
  }

  const std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("espalier_stage_files_" + std::to_string(::getpid()));
  Stage train_ = stage("train", StageKind::train, "{}");
  Stage evaluate_ = stage("evaluate", StageKind::evaluate, canonical_json(evaluate_spec()));
  StageFiles files_{{folder_}, {folder_ / "data"}};
};

TEST_F(FilesOfStages, WhatAStageLeft) {
  EXPECT_EQ(bytes_of(file_of_stage(FileKind::artifact, train_.key), train_), "weights");
  EXPECT_EQ(bytes_of(file_of_stage(FileKind::artifact, train_.key), train_, 3), "ghts");
  EXPECT_EQ(bytes_of(file_of_stage(FileKind::checkpoint, train_.key), train_), "half");
  EXPECT_THAT(bytes_of(file_of_stage(FileKind::resume, train_.key), train_), HasSubstr("missing"));
  EXPECT_THAT(bytes_of(file_of_stage(FileKind::artifact, train_.key), train_, 8), HasSubstr("missing"));
  EXPECT_THAT(bytes_of(file_of_stage(FileKind::artifact, evaluate_.key), train_), HasSubstr("does not name it"));
}

TEST_F(FilesOfStages, TheDatasetThatItReadsByItsListing) {
  const auto names = parse_dataset_listing(bytes_of(dataset_listing("idx:1"), evaluate_));
  ASSERT_EQ(names.size(), 4U);
  for (const std::string& name : names) EXPECT_EQ(bytes_of(dataset_file("idx:1", name), evaluate_), name);
  EXPECT_THAT(bytes_of(dataset_file("idx:1", "other"), evaluate_), HasSubstr("does not name it"));
  EXPECT_THAT(bytes_of(dataset_file("idx:1", "../secret"), evaluate_), HasSubstr("missing"));
  EXPECT_THAT(bytes_of(dataset_listing("idx:2"), evaluate_), HasSubstr("does not name it"));
  EXPECT_THAT(bytes_of({FileKind::model, std::string(64, 'a')}, evaluate_), HasSubstr("does not name it"));
}

TEST_F(FilesOfStages, AModuleByItsContent) {
  EvaluateSpec spec = evaluate_spec();
  put("net.pt", "module");
  spec.model.file = ModelFile{to_hex(sha256("module")), 1, {}};
  Stage scripted = stage("scripted", StageKind::evaluate, canonical_json(spec));
  scripted.model_path = std::make_shared<const std::string>((folder_ / "net.pt").string());
  EXPECT_EQ(bytes_of({FileKind::model, to_hex(sha256("module"))}, scripted), "module");
  EXPECT_THAT(bytes_of({FileKind::model, to_hex(sha256("another"))}, scripted), HasSubstr("does not name it"));
}

TEST_F(FilesOfStages, ADatasetThatIsGoneIsMissing) {
  std::filesystem::remove_all(folder_ / "digits");
  EXPECT_THAT(bytes_of(dataset_listing("idx:1"), evaluate_), HasSubstr("is missing"));
}

TEST_F(FilesOfStages, ADatasetLiesInAnyOfTheFoldersThatWereNamed) {
  EvaluateSpec spec = evaluate_spec();
  spec.dataset.name = "mnist";
  Stage named = stage("named", StageKind::evaluate, canonical_json(spec));
  named.dataset_path = nullptr;
  EXPECT_THAT(bytes_of(dataset_listing("idx:1"), named), HasSubstr((folder_ / "data").string()));
  files_.add_data(folder_ / "digits");
  files_.add_data(folder_ / "nowhere");
  EXPECT_EQ(bytes_of(dataset_file("idx:1", "t10k-labels-idx1-ubyte"), named), "t10k-labels-idx1-ubyte");
}

TEST_F(FilesOfStages, ADatasetThatCannotBeLookedAtIsMissing) {
  EvaluateSpec spec = evaluate_spec();
  spec.dataset.name = "tensors";
  Stage loop = stage("loop", StageKind::evaluate, canonical_json(spec));
  std::filesystem::create_symlink(folder_ / "loop", folder_ / "loop");
  loop.dataset_path = std::make_shared<const std::string>((folder_ / "loop").string());
  EXPECT_THAT(bytes_of(dataset_file("idx:1", "loop"), loop), HasSubstr("missing"));
}

}  // namespace
}  // namespace espalier
