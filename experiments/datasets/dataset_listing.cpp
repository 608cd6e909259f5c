#include "experiments/datasets/dataset_listing.h"

#include <nlohmann/json.hpp>

#include "base/error.h"

namespace espalier {
namespace {

constexpr std::size_t kMostFiles = 1000;

}  // namespace

std::string dataset_listing_text(const std::vector<std::string>& names) {
  return nlohmann::json(names).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::vector<std::string> parse_dataset_listing(std::string_view text) {
  const auto json = nlohmann::json::parse(text, nullptr, false);
  std::vector<std::string> names;
  const bool is_list = json.is_array() && !json.empty() && json.size() <= kMostFiles;
  for (const auto& name : is_list ? json : nlohmann::json::array()) {
    if (name.is_string()) names.push_back(name.get<std::string>());
  }
  if (!is_list || names.size() != json.size()) throw Error(ErrorKind::corrupt, "a dataset's list of files is damaged");
  return names;
}

}  // namespace espalier
