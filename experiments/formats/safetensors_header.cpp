#include "experiments/formats/safetensors_header.h"

#include <unordered_set>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/utf8.h"

// The header is `{"__metadata__": {KEY: TEXT, ...}, NAME: {"dtype": TEXT, "shape": [N, ...], "data_offsets": [N, N]},
// ...}`. The JSON library calls us for each piece of it; where we are is a place of this list.

namespace espalier {
namespace {

using nlohmann::json;

constexpr std::size_t kMostTensors = 1'000'000;
constexpr std::size_t kMostMetadata = 10'000;
constexpr std::size_t kMostSides = 64;
constexpr std::uint64_t kMostCount = std::uint64_t{1} << 62;

[[noreturn]] void damaged_header(const std::string& what) {
  throw Error(ErrorKind::corrupt, what);
}

class HeaderReader final : public nlohmann::json_sax<json> {
 public:
  SafetensorsHeader take() {
    if (place_ != Place::after) damaged_header("its header is no JSON object");
    return std::move(header_);
  }

  bool null() override { misplaced(); }
  bool boolean(bool) override { misplaced(); }
  bool number_float(number_float_t, const string_t&) override { misplaced(); }
  bool binary(binary_t&) override { misplaced(); }
  bool number_integer(number_integer_t number) override {
    if (number < 0) damaged_header(tensor() + " has a size that is no count");
    return number_unsigned(static_cast<number_unsigned_t>(number));
  }
  bool number_unsigned(number_unsigned_t number) override {
    if (number >= kMostCount) damaged_header(tensor() + " has a size that is no count");
    const auto count = static_cast<std::int64_t>(number);
    if (place_ == Place::shape) {
      if (entry_.shape.size() == kMostSides) damaged_header(tensor() + " has more than 64 sides");
      entry_.shape.push_back(count);
    } else if (place_ == Place::offsets && offsets_ < 2) {
      (offsets_++ == 0 ? entry_.begin : entry_.end) = count;
    } else {
      misplaced();
    }
    return true;
  }
  bool string(string_t& text) override {
    if (place_ == Place::metadata) {
      if (header_.metadata.size() == kMostMetadata) damaged_header("it has more than 10000 metadata");
      if (!header_.metadata.emplace(key_, text).second)
        damaged_header("its metadata " + quoted_text(key_) + " is given twice");
    } else if (place_ == Place::entry && key_ == "dtype") {
      entry_.type = std::move(text);
    } else {
      misplaced();
    }
    return true;
  }
  bool key(string_t& name) override {
    if (place_ == Place::entry) begin_field(name);
    key_ = std::move(name);
    return true;
  }

  bool start_object(std::size_t) override {
    if (place_ == Place::before) {
      place_ = Place::top;
    } else if (place_ == Place::top && key_ == "__metadata__") {
      if (std::exchange(has_metadata_, true)) damaged_header("its metadata are given twice");
      place_ = Place::metadata;
    } else if (place_ == Place::top) {
      begin_entry();
    } else {
      misplaced();
    }
    return true;
  }
  bool end_object() override {
    if (place_ == Place::entry) end_entry();
    place_ = place_ == Place::top ? Place::after : Place::top;
    return true;
  }
  bool start_array(std::size_t) override {
    if (place_ == Place::entry && key_ == "shape") {
      place_ = Place::shape;
    } else if (place_ == Place::entry && key_ == "data_offsets") {
      place_ = Place::offsets;
    } else {
      misplaced();
    }
    return true;
  }
  bool end_array() override {
    place_ = Place::entry;
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override { return false; }

 private:
  enum class Place { before, top, metadata, entry, shape, offsets, after };

  [[noreturn]] void misplaced() const {
    if (place_ == Place::before) damaged_header("its header is no JSON object");
    if (place_ == Place::metadata) damaged_header("its metadata " + quoted_text(key_) + " is no text");
    if (place_ == Place::top) damaged_header("tensor " + quoted_text(key_) + " lacks its type, shape or place");
    damaged_header(tensor() + " has another type, shape or place than the format allows");
  }

  std::string tensor() const { return "tensor " + quoted_text(entry_.name); }

  void begin_entry() {
    if (header_.tensors.size() == kMostTensors) damaged_header("it has more than 1000000 tensors");
    if (!names_.insert(key_).second) damaged_header("tensor " + quoted_text(key_) + " is given twice");
    entry_ = {};
    entry_.name = key_;
    has_type_ = has_shape_ = has_place_ = false;
    offsets_ = 0;
    place_ = Place::entry;
  }
  void begin_field(const std::string& name) {
    bool* known = name == "dtype"          ? &has_type_
                  : name == "shape"        ? &has_shape_
                  : name == "data_offsets" ? &has_place_
                                           : nullptr;
    if (known == nullptr) damaged_header(tensor() + " has a field that the format does not know, " + quoted_text(name));
    if (std::exchange(*known, true)) damaged_header(tensor() + " has its " + name + " twice");
  }
  void end_entry() {
    if (!has_type_ || !has_shape_ || offsets_ != 2) damaged_header(tensor() + " lacks its type, shape or place");
    header_.tensors.push_back(std::move(entry_));
  }

  SafetensorsHeader header_;
  Place place_ = Place::before;
  std::string key_;    ///< the last one
  TensorEntry entry_;  ///< that is being read
  bool has_type_ = false, has_shape_ = false, has_place_ = false, has_metadata_ = false;
  int offsets_ = 0;
  std::unordered_set<std::string> names_;
};

}  // namespace

SafetensorsHeader parse_safetensors_header(std::string_view text) {
  HeaderReader reader;
  if (!json::sax_parse(text.begin(), text.end(), &reader)) damaged_header("its header is not well-formed JSON");
  return reader.take();
}

}  // namespace espalier
