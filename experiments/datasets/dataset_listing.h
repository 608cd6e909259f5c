#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace espalier {

/// The names of a dataset's files (DatasetFile::name) as a text, for a machine that is to copy them: a JSON list.
std::string dataset_listing_text(const std::vector<std::string>& names);
/// Errors: ErrorKind::corrupt unless it is a list of 1 to 1,000 texts.
std::vector<std::string> parse_dataset_listing(std::string_view text);

inline constexpr std::size_t kLongestDatasetListing = 1U << 20;

}  // namespace espalier
