#include "worker/data_parallel/gang.h"

#include <algorithm>

namespace espalier {
namespace {

constexpr std::size_t kWords = 16;  // of a digest; 16 bits each, so that a double holds a sum of them exactly

}  // namespace

void sum(Gang& gang, std::vector<double>& values) {
  const auto shared = std::make_shared<std::vector<double>>(values);
  gang.wait(gang.sum(std::shared_ptr<double>(shared, shared->data()), shared->size()));
  values = *shared;
}

bool any(Gang& gang, bool mine) {
  std::vector<double> votes{mine ? 1.0 : 0.0};
  sum(gang, votes);
  return votes[0] > 0;
}

void require_equal(Gang& gang, const Digest& mine, const std::string& what, ErrorKind kind) {
  // Each member fills in its own row of a table of zeros: the sum shows everybody all of them.
  std::vector<double> table(static_cast<std::size_t>(gang.size()) * kWords);
  const auto row = [&](int member) { return table.begin() + static_cast<std::ptrdiff_t>(kWords) * member; };
  for (std::size_t i = 0; i < kWords; ++i) {
    row(gang.member())[static_cast<std::ptrdiff_t>(i)] = mine[2 * i] * 256.0 + mine[2 * i + 1];
  }
  sum(gang, table);
  std::string others;
  for (int member = 1; member < gang.size(); ++member) {
    if (std::equal(row(member), row(member) + kWords, row(0))) continue;
    others += (others.empty() ? "" : ", ") + std::to_string(gang.ranks()[static_cast<std::size_t>(member)]);
  }
  if (others.empty()) return;
  throw Error(kind, what + ": those of rank " + others + " differ from those of rank " +
                        std::to_string(gang.ranks().front()) + ", which leads the gang");
}

Part part_of(std::int64_t count, int member, int members) {
  const std::int64_t first = count * member / members;
  return {first, count * (member + 1) / members - first};
}

}  // namespace espalier
