#include "experiments/models/name_sizes.h"

#include <charconv>

#include "base/error.h"

namespace espalier {
namespace {

/// 0 if `text` is no size.
std::int64_t read_size(std::string_view text, std::int64_t largest) {
  std::int64_t size = 0;
  if (text.empty() || text[0] < '1' || text[0] > '9') return 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), size);
  return failure == std::errc() && end == text.data() + text.size() && size <= largest ? size : 0;
}

std::string how_many(const NameSizes& form) {
  const std::string most = std::to_string(form.most);
  return form.fewest == form.most ? most : std::to_string(form.fewest) + " to " + most;
}

}  // namespace

std::vector<std::int64_t> read_sizes(std::string_view name, const NameSizes& form) {
  const std::string needed = std::string(form.meaning) + " in its name, as in " + std::string(form.example);
  if (name == form.family) throw Error(ErrorKind::invalid_input, "model: " + std::string(name) + " needs " + needed);
  std::vector<std::int64_t> sizes;
  std::string_view rest = name.substr(form.family.size() + 1);
  for (bool more = true; more;) {
    const std::size_t end = rest.find(form.separator);
    const std::string_view text = rest.substr(0, end);
    sizes.push_back(read_size(text, form.largest));
    if (sizes.back() == 0) {
      throw Error(ErrorKind::invalid_input, "model: " + std::string(name) + ": \"" + std::string(text) +
                                                "\" is not a size from 1 to " + std::to_string(form.largest) +
                                                "; write " + needed);
    }
    more = end != std::string_view::npos;
    if (more) rest.remove_prefix(end + 1);
  }
  if (sizes.size() >= form.fewest && sizes.size() <= form.most) return sizes;
  throw Error(ErrorKind::invalid_input, "model: " + std::string(name) + " has " + std::to_string(sizes.size()) +
                                            " sizes where " + how_many(form) + " are possible; write " + needed);
}

}  // namespace espalier
