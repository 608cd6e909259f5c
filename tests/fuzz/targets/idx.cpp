// IDX files, raw and gzipped: the reader takes them from a file.

#include <memory>

#include <zlib.h>

#include "experiments/datasets/idx_file.h"
#include "tests/experiments/datasets/idx_bytes.h"
#include "tests/fuzz/scratch_file.h"
#include "tests/fuzz/targets/targets.h"

namespace espalier {
namespace {

std::string gzipped(const std::string& bytes) {
  z_stream stream{};
  deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);  // + 16: gzip's frame
  std::string packed(deflateBound(&stream, static_cast<uLong>(bytes.size())), '\0');
  std::string input = bytes;
  stream.next_in = reinterpret_cast<Bytef*>(input.data());
  stream.avail_in = static_cast<uInt>(input.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

}  // namespace

FuzzTarget idx_target() {
  FuzzTarget target;
  target.name = "idx";
  const std::string images = idx_images(3, 5), labels = idx_labels(20, 10);
  target.seeds = {images, labels, gzipped(images), gzipped(labels),
                  gzipped(idx_header({0x803, 100, 64, 64}) + std::string(409600, '\0'))};
  target.dictionary = {idx_header({0x803}),      idx_header({0x801}),      idx_header({0xffffffff}),
                       idx_header({4096, 4096}), idx_header({65536, 256}), "\x1f\x8b\x08",
                       std::string(8, '\0')};
  target.refusals = {ErrorKind::invalid_input};
  target.held_per_byte = 1600;  // deflate makes at most 1032 of one, and a vector that grows holds half as much again
  const auto file = std::make_shared<ScratchFile>("images");  // shared by the copies of the target
  target.read = [file](std::string_view bytes) {
    file->write(bytes);
    const bool of_labels = bytes.size() > 3 && bytes[3] == 1;
    const bool packed = bytes.starts_with("\x1f\x8b");
    if (!packed) return (of_labels ? read_idx_labels(file->path()) : read_idx_images(file->path())).count > 0;
    try {
      return read_idx_images(file->path()).count > 0;
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::invalid_input) throw;
    }
    return read_idx_labels(file->path()).count > 0;
  };
  return target;
}

}  // namespace espalier
