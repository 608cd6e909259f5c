#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "experiments/formats/json_field_writer.h"
#include "experiments/stages/stage_fields.h"

namespace espalier {

using SpecIndex = std::uint32_t;

/// The distinct specs of a graph, as canonical JSON: equal texts have one index.
class SpecTable {
 public:
  template <typename Spec>
  SpecIndex add(const Spec& spec) {
    buffer_.clear();
    JsonWriter out(buffer_);
    JsonFieldWriter(out).write(spec);
    return add_buffer();
  }
  /// As add, and remembers which trajectory the spec is a cut of.
  SpecIndex add_train(TrainSpec spec);

  const std::shared_ptr<const std::string>& text(SpecIndex spec) const { return texts_[spec]; }

  /// Of a train spec: names the trajectory (the spec but for its end), and whether it is needed at several steps.
  SpecIndex trajectory(SpecIndex spec) const { return cuts_.at(spec).trajectory; }
  std::int64_t end_step(SpecIndex spec) const { return cuts_.at(spec).end_step; }
  bool is_cut(SpecIndex spec) const { return cut_count_.at(cuts_.at(spec).trajectory) > 1; }

 private:
  SpecIndex add_buffer();

  struct Cut {
    SpecIndex trajectory = 0;
    std::int64_t end_step = 0;
  };

  std::string buffer_;
  std::vector<std::shared_ptr<const std::string>> texts_;  // shared with the stages
  std::unordered_map<std::string_view, SpecIndex> index_;  // views of texts_
  std::unordered_map<SpecIndex, Cut> cuts_;
  std::unordered_map<SpecIndex, int> cut_count_;
};

}  // namespace espalier
