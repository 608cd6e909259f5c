#pragma once

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <string>
#include <string_view>
#include <unistd.h>

#include <gtest/gtest.h>
#include <zlib.h>

#include "base/error.h"
#include "base/files.h"

namespace espalier {

/// A 32-bit big-endian number for each argument.
inline std::string idx_header(std::initializer_list<std::uint32_t> numbers) {
  std::string bytes;
  for (const std::uint32_t number : numbers) {
    for (const int shift : {24, 16, 8, 0}) bytes += static_cast<char>(number >> shift & 0xff);
  }
  return bytes;
}

/// `count` images of `side` x `side`; the value of a pixel is its place in the file, modulo 251.
inline std::string idx_images(std::uint32_t count, std::uint32_t side) {
  std::string bytes = idx_header({0x803, count, side, side});
  for (std::uint32_t i = 0; i < count * side * side; ++i) bytes += static_cast<char>(i % 251);
  return bytes;
}

/// `count` labels 0, 1, .. classes - 1, 0, ...
inline std::string idx_labels(std::uint32_t count, std::uint32_t classes) {
  std::string bytes = idx_header({0x801, count});
  for (std::uint32_t i = 0; i < count; ++i) bytes += static_cast<char>(i % classes);
  return bytes;
}

inline void write_gzip(const std::filesystem::path& path, std::string_view bytes) {
  gzFile file = gzopen(path.c_str(), "wb");
  gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size()));
  gzclose(file);
}

/// Removes its folder at the end of the test.
class IdxFolder : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = testing::TempDir();
    folder_ /= std::string("espalier_") + testing::UnitTest::GetInstance()->current_test_info()->name() +
               std::to_string(::getpid());
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  void write(const std::string& name, std::string_view bytes) const { write_file_atomically(folder_ / name, bytes); }

  void write_set(std::uint32_t train, std::uint32_t test, std::uint32_t side, std::uint32_t classes) const {
    write("train-images-idx3-ubyte", idx_images(train, side));
    write("train-labels-idx1-ubyte", idx_labels(train, classes));
    write("t10k-images-idx3-ubyte", idx_images(test, side));
    write("t10k-labels-idx1-ubyte", idx_labels(test, classes));
  }

  std::filesystem::path folder_;
};

/// The message of the Error of this kind that `act` throws.
template <typename Act>
std::string error_of(ErrorKind kind, const Act& act) {
  try {
    act();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind) << error.what();
    return error.what();
  }
  return "no error";
}

}  // namespace espalier
