#include "experiments/graph/spec_table.h"

namespace espalier {

SpecIndex SpecTable::add_buffer() {
  const auto found = index_.find(buffer_);
  if (found != index_.end()) return found->second;
  const auto index = static_cast<SpecIndex>(texts_.size());
  texts_.push_back(std::make_shared<const std::string>(buffer_.data(), buffer_.size()));
  index_.emplace(*texts_.back(), index);
  return index;
}

SpecIndex SpecTable::add_train(TrainSpec spec) {
  const SpecIndex index = add(spec);
  if (cuts_.contains(index)) return index;
  Cut cut{0, spec.end_step};
  spec.end_step = 0;
  cut.trajectory = add(spec);
  cuts_.emplace(index, cut);
  ++cut_count_[cut.trajectory];
  return index;
}

}  // namespace espalier
