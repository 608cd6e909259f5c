#include "experiments/datasets/idx_file.h"

#include <gmock/gmock.h>

#include "tests/experiments/datasets/idx_bytes.h"

namespace espalier {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

class IdxFileTest : public IdxFolder {
 protected:
  std::string refusal_of_images(const std::string& name) const {
    return error_of(ErrorKind::invalid_input, [&] { read_idx_images(folder_ / name); });
  }
  std::string refusal_of_bytes(std::string_view bytes) const {
    write("raw", bytes);
    write_gzip(folder_ / "gz", bytes);
    const std::string raw = refusal_of_images("raw");
    const std::string gz = refusal_of_images("gz");
    EXPECT_EQ(raw.substr((folder_ / "raw").string().size()), gz.substr((folder_ / "gz").string().size()));
    return raw;
  }
};

TEST_F(IdxFileTest, RawAndGzippedReadTheSame) {
  const std::string bytes = idx_images(3, 2);
  write("raw", bytes);
  write_gzip(folder_ / "gz", bytes);
  for (const char* name : {"raw", "gz"}) {
    const IdxFile file = read_idx_images(folder_ / name);
    EXPECT_EQ(file.count, 3);
    EXPECT_EQ(file.rows, 2);
    EXPECT_EQ(file.columns, 2);
    EXPECT_THAT(file.values, ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11));
    EXPECT_EQ(to_hex(file.sha256), to_hex(sha256(bytes)));
  }
  write("labels", idx_labels(4, 3));
  EXPECT_THAT(read_idx_labels(folder_ / "labels").values, ElementsAre(0, 1, 2, 0));
}

TEST_F(IdxFileTest, MissingAndFolderAndEmpty) {
  EXPECT_THAT(refusal_of_images("none"), AllOf(StartsWith((folder_ / "none").string()), HasSubstr("No such file")));
  std::filesystem::create_directories(folder_ / "folder");
  EXPECT_THAT(refusal_of_images("folder"), HasSubstr("cannot be read"));
  EXPECT_THAT(refusal_of_bytes(""), HasSubstr("ends within its header"));
}

TEST_F(IdxFileTest, AnotherMagicNumberIsNamed) {
  EXPECT_THAT(refusal_of_bytes(idx_labels(4, 2)), HasSubstr("does not begin with 0x00000803"));
  EXPECT_THAT(refusal_of_bytes("<html>404</html>"), HasSubstr("is not an IDX file of images"));
}

TEST_F(IdxFileTest, TruncatedAtEveryByteIsRefused) {
  const std::string bytes = idx_images(3, 2);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THAT(refusal_of_bytes(std::string_view(bytes).substr(0, size)), HasSubstr("truncated")) << size;
  }
}

TEST_F(IdxFileTest, ATruncatedOrDamagedGzipStreamIsRefused) {
  write_gzip(folder_ / "whole", idx_images(100, 8));
  const std::string whole = read_file(folder_ / "whole", 1 << 20);
  for (const std::size_t size : {whole.size() - 1, whole.size() - 8, whole.size() / 2, std::size_t{12}}) {
    write("gz", whole.substr(0, size));
    EXPECT_THAT(refusal_of_images("gz"), HasSubstr("truncated")) << size;
  }
  for (const std::size_t place : {whole.size() - 6, whole.size() / 2}) {  // the checksum, the middle of the data
    std::string damaged = whole;
    damaged[place] = static_cast<char>(damaged[place] ^ 0x55);
    write("gz", damaged);
    EXPECT_NE(refusal_of_images("gz"), "no error") << place;
  }
}

TEST_F(IdxFileTest, TrailingBytesAreRefused) {
  EXPECT_THAT(refusal_of_bytes(idx_images(3, 2) + "x"), HasSubstr("goes on after"));
}

TEST_F(IdxFileTest, ABombIsNotInflated) {
  // 64 MiB of zeros behind a header that promises twelve bytes.
  write_gzip(folder_ / "bomb", idx_header({0x803, 3, 2, 2}) + std::string(64 << 20, '\0'));
  EXPECT_THAT(refusal_of_images("bomb"), HasSubstr("goes on after"));
}

TEST_F(IdxFileTest, PromisesAreCheckedBeforeTheyAreAllocated) {
  EXPECT_THAT(refusal_of_bytes(idx_header({0x803, 0xffffffff, 0xffffffff, 0xffffffff})),
              HasSubstr("at most 4096 a side"));
  EXPECT_THAT(refusal_of_bytes(idx_header({0x803, 0xffffffff, 4096, 4096})), HasSubstr("at most 4 GiB"));
  EXPECT_THAT(refusal_of_bytes(idx_header({0x803, 0, 28, 28})), HasSubstr("no examples"));
  write("small", idx_header({0x803, 1'000'000, 28, 28}));
  EXPECT_THAT(refusal_of_images("small"), HasSubstr("promises 784000000 bytes, and 16 bytes cannot hold them"));
}

}  // namespace
}  // namespace espalier
