#include "worker/comm/gang_communicators.h"

#include <iterator>
#include <map>
#include <utility>

#include <mpi.h>

namespace espalier {

struct GangCommunicators::Impl {
  struct Entry {
    std::uint64_t number = 0;
    MPI_Comm communicator = MPI_COMM_NULL;
  };
  std::map<std::vector<int>, Entry> entries;
  std::vector<MPI_Request> requests;  // of the open sums, parallel to them
  std::vector<Sum> open;
  std::vector<Sum> lost;  // MPI may write to their memory for as long as this process lives
};

GangCommunicators::GangCommunicators() : impl_(std::make_unique<Impl>()) {}
GangCommunicators::~GangCommunicators() = default;

std::uint64_t GangCommunicators::number(const std::vector<int>& ranks) const {
  const auto entry = impl_->entries.find(ranks);
  return entry == impl_->entries.end() ? 0 : entry->second.number;
}

void GangCommunicators::connect(const std::vector<int>& ranks, std::uint64_t number) {
  constexpr int kTag = 1;  // of its own context; gangs that are made at the same time have no rank in common
  if (this->number(ranks) == number) return;
  MPI_Group world = MPI_GROUP_NULL, group = MPI_GROUP_NULL;
  MPI_Comm_group(MPI_COMM_WORLD, &world);
  MPI_Group_incl(world, static_cast<int>(ranks.size()), ranks.data(), &group);
  Impl::Entry entry{number, MPI_COMM_NULL};
  MPI_Comm_create_group(MPI_COMM_WORLD, group, kTag, &entry.communicator);
  MPI_Group_free(&group);
  MPI_Group_free(&world);
  impl_->entries[ranks] = entry;
}

void GangCommunicators::drop(const std::vector<int>& ranks) {
  impl_->entries.erase(ranks);
  std::ranges::move(std::exchange(impl_->open, {}), std::back_inserter(impl_->lost));
  impl_->requests.clear();
}

void GangCommunicators::begin(const std::vector<int>& ranks, Sum sum) {
  MPI_Request request = MPI_REQUEST_NULL;
  MPI_Iallreduce(MPI_IN_PLACE, sum.values.get(), static_cast<int>(sum.count), sum.is_double ? MPI_DOUBLE : MPI_FLOAT,
                 MPI_SUM, impl_->entries.at(ranks).communicator, &request);
  impl_->requests.push_back(request);
  impl_->open.push_back(std::move(sum));
}

bool GangCommunicators::any_open() const {
  return !impl_->open.empty();
}

std::vector<Gang::Ticket> GangCommunicators::finished() {
  std::vector<Gang::Ticket> tickets;
  if (impl_->open.empty()) return tickets;
  const int count = static_cast<int>(impl_->requests.size());
  int ended = 0;
  std::vector<int> places(impl_->requests.size());
  MPI_Testsome(count, impl_->requests.data(), &ended, places.data(), MPI_STATUSES_IGNORE);
  for (int i = 0; i < ended; ++i) {
    tickets.push_back(impl_->open[static_cast<std::size_t>(places[static_cast<std::size_t>(i)])].ticket);
  }
  std::size_t kept = 0;
  for (std::size_t i = 0; i < impl_->open.size(); ++i) {
    if (impl_->requests[i] == MPI_REQUEST_NULL) continue;
    impl_->requests[kept] = impl_->requests[i];
    std::swap(impl_->open[kept++], impl_->open[i]);
  }
  impl_->requests.resize(kept);
  impl_->open.resize(kept);
  return tickets;
}

}  // namespace espalier
