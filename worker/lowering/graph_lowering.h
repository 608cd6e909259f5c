#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "experiments/operators/graph_builder.h"
#include "worker/lowering/recording.h"
#include "worker/torchscript/script_module.h"

namespace espalier {

using LoweredTensors = std::vector<std::pair<std::string, at::Tensor>>;

/// A tensor of the module's as the graph has it. `dims` are those that the module sees; the value's own may keep apart
/// what the module flattened with examples inside, such as [5, N, 8] for [5N, 8].
struct Lowered {
  ValueIndex value = kNoValue;
  Dims dims;
};

/// Where a tensor was taken from as a view: writing into it writes there.
struct LoweredPart {
  const void* whole = nullptr;  ///< its address
  std::size_t dim = 0;
  std::int64_t start = 0, end = 0;
};

/// The graph that grows, and what its tensors are.
class GraphLowering {
 public:
  /// `module` outlives it.
  explicit GraphLowering(const ScriptModule& module);

  /// Two runs' calls. Errors: ErrorKind::invalid_input, naming the operator and where it stands.
  void lower(const RecordedCall& call, const RecordedCall& other);
  /// The examples.
  void begin(const at::Tensor& examples, const at::Tensor& others, const std::vector<std::int64_t>& sizes);
  OperatorGraph finish(const at::Tensor& output);

  std::vector<std::string> remarks;
  LoweredTensors tensors;

 private:
  friend class CallLowering;
  struct Tracked {
    Lowered lowered;
    at::Tensor tensor;
    std::optional<LoweredPart> part;
    bool stale = false;  // its memory was written to in a way that is not followed
  };
  std::string free_name(const std::string& wanted);
  Lowered read(const at::Tensor& tensor, const at::Tensor& other);
  Lowered constant(const at::Tensor& tensor, const at::Tensor& other);
  ValueIndex add_buffer(const std::string& name, const at::Tensor& tensor);
  void written(const at::Tensor& tensor);
  Lowered with_part(const Lowered& whole, const LoweredPart& place, const Lowered& part);

  const ScriptModule& whole_;
  GraphBuilder builder_;
  std::map<const void*, Tracked> tracked_;              // by address
  std::set<std::pair<const void*, const void*>> same_;  // addresses in both runs
  std::map<const void*, const ScriptTensor*> module_;   // by address
  std::map<std::string, ValueIndex> kept_;              // parameters and buffers that are in the graph
  std::map<std::string, int> names_;
  Lowered input_;
  int constants_ = 0;
};

/// By which a tensor is known while it is kept.
const void* address_of(const at::Tensor& tensor);

/// Throws ErrorKind::invalid_input.
[[noreturn]] void not_lowered(const std::string& what);

/// Sizes seen with two and with three examples. None if they are no dims: more than one dimension is the batch's, or
/// one grows in another way.
std::optional<Dims> dims_seen(c10::IntArrayRef with_two, c10::IntArrayRef with_three);

}  // namespace espalier
