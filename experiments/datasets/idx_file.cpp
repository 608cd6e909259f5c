#include "experiments/datasets/idx_file.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <zlib.h>

#include "base/error.h"
#include "experiments/datasets/foreign_file.h"

namespace espalier {
namespace {

constexpr std::uint32_t kImagesMagic = 0x803;
constexpr std::uint32_t kLabelsMagic = 0x801;
constexpr std::uint64_t kMostIdxBytes = std::uint64_t{4} << 30;
constexpr std::uint64_t kLongestIdxSide = 4096;
constexpr std::uint64_t kMostExpansion =
    1032;  // of deflate: a file that promises more than this times its size is cut or lies

/// A file read through zlib, which passes files that are not gzipped through as they are.
class Reader {
 public:
  explicit Reader(const std::filesystem::path& path) : path_(path), file_(nullptr, &gzclose_r) {
    std::error_code error;
    size_ = std::filesystem::file_size(path, error);
    if (error) fail("cannot be read: " + error.message());
    errno = 0;
    file_.reset(gzopen(path.c_str(), "rb"));
    if (!file_) fail(std::string("cannot be opened: ") + std::strerror(errno));
    gzbuffer(file_.get(), 1 << 17);
  }

  [[noreturn]] void fail(const std::string& what) const {
    throw Error(ErrorKind::invalid_input, path_.string() + ": " + what);
  }

  /// Fills `bytes`; `what` is missing if the file ends before.
  void fill(std::span<std::uint8_t> bytes, const char* what) {
    std::size_t filled = 0;
    while (filled < bytes.size()) {
      const std::size_t got = read(bytes.subspan(filled));
      if (got == 0) fail(std::string("is truncated: it ends within its ") + what + "; fetch it again");
      filled += got;
    }
  }

  /// Reading to the end is also what makes zlib compare the checksum of a gzipped file.
  void expect_end() {
    std::uint8_t extra;
    if (read({&extra, 1}) != 0)
      fail("goes on after the values that its header promises: not the file it seems to be; fetch it again");
  }

  /// Fills `bytes` up to `size` as far as the file goes: what a header promises is not believed before it comes.
  void grow(std::vector<std::uint8_t>& bytes, std::uint64_t size, const char* what) {
    constexpr std::size_t kFirst = 64 << 20;
    while (bytes.size() < size) {
      const std::size_t before = bytes.size();
      bytes.resize(std::min<std::uint64_t>(size, std::max(kFirst, 2 * before)));
      fill(std::span(bytes).subspan(before), what);
    }
  }

  /// Some of what comes next; less where the file ends.
  std::string more() {
    std::array<std::uint8_t, 508> bytes{};
    const std::size_t got = read(bytes);
    return {bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(got)};
  }

  std::uint64_t size() const { return size_; }
  /// Known once the first bytes were read.
  bool is_gzipped() const { return gzdirect(file_.get()) == 0; }

 private:
  std::size_t read(std::span<std::uint8_t> bytes) {
    constexpr std::size_t kPiece = 1 << 24;
    const int got = gzread(file_.get(), bytes.data(), static_cast<unsigned>(std::min(bytes.size(), kPiece)));
    int code = Z_OK;
    const char* message = gzerror(file_.get(), &code);
    if (code == Z_BUF_ERROR) fail("is truncated: the gzip stream breaks off; fetch it again");
    if (got < 0 || code != Z_OK) fail(std::string("is damaged: ") + message + "; fetch it again");
    return static_cast<std::size_t>(got);
  }

  std::filesystem::path path_;
  std::uint64_t size_ = 0;
  std::unique_ptr<gzFile_s, decltype(&gzclose_r)> file_;
};

std::uint32_t big_endian(const std::uint8_t* bytes) {
  return std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16 | std::uint32_t{bytes[2]} << 8 | bytes[3];
}

std::string hexadecimal(std::uint32_t value) {
  char text[16];
  std::snprintf(text, sizeof text, "0x%08x", value);
  return text;
}

/// Checks everything that the header promises before anything is allocated for it. Returns the number of values.
std::uint64_t check_promise(const Reader& reader, std::uint64_t count, std::uint64_t rows, std::uint64_t columns) {
  if (count == 0 || rows == 0 || columns == 0) reader.fail("holds no examples");
  if (rows > kLongestIdxSide || columns > kLongestIdxSide) {
    reader.fail("promises images of " + std::to_string(rows) + "x" + std::to_string(columns) + " pixels; at most " +
                std::to_string(kLongestIdxSide) + " a side are read");
  }
  const std::uint64_t values = count * rows * columns;  // below 2^32 * 2^24
  if (values > kMostIdxBytes) reader.fail("promises " + std::to_string(values) + " bytes; at most 4 GiB are read");
  if (values / (reader.is_gzipped() ? kMostExpansion : 1) > reader.size()) {
    reader.fail("is truncated: its header promises " + std::to_string(values) + " bytes, and " +
                std::to_string(reader.size()) + " bytes cannot hold them; fetch it again");
  }
  return values;
}

IdxFile read_idx(const std::filesystem::path& path, std::uint32_t magic, const char* kind) {
  const std::size_t dimensions = magic & 0xff;
  Reader reader(path);
  std::array<std::uint8_t, 16> header{};
  const std::size_t header_size = 4 + 4 * dimensions;
  reader.fill({header.data(), 4}, "header");
  // No more of what it holds instead is said than a known kind: who names a file need not be who may read it.
  if (big_endian(header.data()) != magic) {
    const std::string foreign = foreign_kind(std::string(header.begin(), header.begin() + 4) + reader.more());
    const std::string expected = "an IDX file of " + std::string(kind);
    if (!foreign.empty()) reader.fail("is not " + expected + " but " + foreign);
    reader.fail("is not " + expected + ": it does not begin with " + hexadecimal(magic));
  }
  reader.fill({header.data() + 4, header_size - 4}, "header");
  IdxFile file;
  file.count = big_endian(&header[4]);
  if (dimensions == 3) {
    file.rows = big_endian(&header[8]);
    file.columns = big_endian(&header[12]);
  }
  const std::uint64_t values =
      check_promise(reader, static_cast<std::uint64_t>(file.count), static_cast<std::uint64_t>(file.rows),
                    static_cast<std::uint64_t>(file.columns));
  // Header and values lie in one block while they are hashed; the header is cut off afterwards.
  file.values.assign(header.begin(), header.begin() + static_cast<std::ptrdiff_t>(header_size));
  reader.grow(file.values, header_size + values, kind);
  reader.expect_end();
  file.sha256 = sha256(std::string_view(reinterpret_cast<const char*>(file.values.data()), file.values.size()));
  file.values.erase(file.values.begin(), file.values.begin() + static_cast<std::ptrdiff_t>(header_size));
  return file;
}

}  // namespace

IdxFile read_idx_images(const std::filesystem::path& path) {
  return read_idx(path, kImagesMagic, "images");
}
IdxFile read_idx_labels(const std::filesystem::path& path) {
  return read_idx(path, kLabelsMagic, "labels");
}

}  // namespace espalier
