#include "experiments/datasets/foreign_file.h"

#include <algorithm>
#include <array>
#include <fstream>

namespace espalier {
namespace {

constexpr std::size_t kBytesExamined = 512;

struct Beginning {
  std::string_view bytes;
  std::string_view kind;
};
using std::string_view_literals::operator""sv;
constexpr std::array kBeginnings{
    Beginning{"version https://git-lfs"sv, "a Git LFS pointer; fetch the file itself with git lfs pull"},
    Beginning{"version https://hawser"sv, "a Git LFS pointer; fetch the file itself with git lfs pull"},
    Beginning{"/annex/objects/"sv, "a git-annex pointer; fetch the file itself with git annex get"},
    Beginning{"\x93NUMPY"sv, "a NumPy array (.npy); convert it"},
    Beginning{"PK\x03\x04"sv, "a zip archive (.zip, .npz, .pt); unpack or convert it"},
    Beginning{"\x89HDF\r\n"sv, "an HDF5 file; convert it"},
    Beginning{"\x1f\x8b"sv, "a gzip file; unpack it"},
    Beginning{"BZh"sv, "a bzip2 file; unpack it"},
    Beginning{"\xfd"
              "7zXZ"sv,
              "an xz file; unpack it"},
    Beginning{"7z\xbc\xaf\x27\x1c"sv, "a 7-zip archive; unpack it"},
    Beginning{"PAR1"sv, "a Parquet file; convert it"},
    Beginning{"ARROW1"sv, "an Arrow file; convert it"},
    Beginning{"MATLAB 5.0"sv, "a MATLAB file; convert it"},
    Beginning{"\x80\x02"sv, "a Python pickle; convert it"},
    Beginning{"\x80\x03"sv, "a Python pickle; convert it"},
    Beginning{"\x80\x04"sv, "a Python pickle; convert it"},
    Beginning{"\x80\x05"sv, "a Python pickle; convert it"},
    Beginning{"\x89PNG\r\n"sv, "an image (PNG)"},
    Beginning{"\xff\xd8\xff"sv, "an image (JPEG)"},
    Beginning{"%PDF-"sv, "a PDF file"},
};

/// A page that a server sent in the file's place, an error message most of the time.
bool is_web_page(std::string_view begin) {
  if (begin.starts_with("\xef\xbb\xbf")) begin.remove_prefix(3);
  begin.remove_prefix(std::min(begin.find_first_not_of(" \t\r\n"), begin.size()));
  std::string front(begin.substr(0, 14));
  std::ranges::transform(front, front.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c; });
  return front.starts_with("<!doctype html") || front.starts_with("<html") || front.starts_with("<head") ||
         front.starts_with("<?xml");
}

bool is_tar(std::string_view begin) {
  constexpr std::size_t kMark = 257;
  return begin.size() > kMark && begin.substr(kMark).starts_with("ustar");
}

}  // namespace

std::string foreign_kind(std::string_view begin) {
  begin = begin.substr(0, kBytesExamined);
  if (is_web_page(begin)) return "a web page, which a server sent in its place; download it again";
  if (is_tar(begin)) return "a tar archive; unpack it";
  const auto found =
      std::ranges::find_if(kBeginnings, [&](const Beginning& known) { return begin.starts_with(known.bytes); });
  return found == kBeginnings.end() ? "" : std::string(found->kind);
}

std::string foreign_kind_of(const std::filesystem::path& path) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored)) return "";  // a pipe would wait
  std::ifstream file(path, std::ios::binary);
  std::string begin(kBytesExamined, '\0');
  file.read(begin.data(), static_cast<std::streamsize>(begin.size()));
  return foreign_kind(std::string_view(begin).substr(0, static_cast<std::size_t>(file.gcount())));
}

}  // namespace espalier
