#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "worker/lowering/graph_lowering.h"

namespace espalier {

/// A call of an operator, once with two and once with three examples, that becomes nodes. Arguments are read by their
/// names in the operator's schema; what depends on the number of examples is refused. Errors of everything:
/// ErrorKind::invalid_input.
class CallLowering {
 public:
  CallLowering(GraphLowering& graph, const RecordedCall& call, const RecordedCall& other)
      : graph_(graph), call_(call), other_(other) {}

  const std::string& name() const { return call_.name; }
  /// Whether the operator has such an argument, and whether it was given one that is not None.
  bool takes(std::string_view argument) const {
    return call_.schema.argumentIndexWithName(std::string(argument)).has_value();
  }
  bool has(std::string_view argument) const;
  bool is_word(std::string_view argument) const { return call_.inputs[find(argument)].value.isString(); }
  std::int64_t integer(std::string_view argument) const;
  double number(std::string_view argument) const;
  bool truth(std::string_view argument) const;
  std::string word(std::string_view argument) const;
  std::vector<std::int64_t> integers(std::string_view argument) const;
  /// Integers for so many dimensions, where one stands for all, and none for `absent`.
  std::vector<std::int64_t> integers(std::string_view argument, std::size_t count,
                                     const std::vector<std::int64_t>& absent = {}) const;
  bool is_tensor(std::string_view argument) const;
  /// As the module sees it. A constant becomes a buffer.
  Lowered tensor(std::string_view argument);
  std::vector<Lowered> tensors(std::string_view argument);
  /// The value itself; kNoValue for None. Errors also for one that is kept apart (see Lowered).
  ValueIndex value(std::string_view argument);
  ValueIndex value(const Lowered& lowered) const;
  /// The numbers of a tensor that depends on nothing; undefined if it does.
  at::Tensor constant(std::string_view argument);
  at::Tensor constant(std::string_view argument, std::size_t place);
  std::size_t count(std::string_view argument) const;

  std::size_t outputs() const { return call_.outputs.size(); }
  bool gives(std::size_t place) const { return place < outputs() && call_.outputs[place].tensor.defined(); }
  const Dims& output(std::size_t place = 0) const { return dims_[place]; }
  /// The network's input.
  ValueIndex examples() const { return graph_.input_.value; }
  const Dims& dims(ValueIndex value) const { return graph_.builder_.dims(value); }

  ValueIndex add(std::string_view op, std::vector<ValueIndex> inputs, Attributes attributes = {});
  /// A layer is called after the parameter.
  ValueIndex add_layer(std::string_view op, std::vector<ValueIndex> inputs, Attributes attributes);
  ValueIndex add_buffer(const at::Tensor& numbers);
  const Node* node(ValueIndex value) const;
  const Value& at(ValueIndex value) const;

  void give(ValueIndex value, std::size_t place = 0);
  void give(Lowered lowered, std::size_t place = 0);
  /// It is a part of the first argument that can be written to.
  void give_part(ValueIndex value, std::size_t dim, std::int64_t start, std::int64_t end, std::size_t place = 0);
  /// It is the first argument, perhaps in the same memory.
  void give_view(Lowered lowered);
  void remark(const std::string& text);

  [[noreturn]] void refuse(const std::string& what) const;
  void run();

 private:
  std::size_t find(std::string_view argument) const;
  const c10::IValue& plain(std::string_view argument) const;
  void view(std::size_t dim, std::int64_t start, std::int64_t end, std::size_t place);
  [[noreturn]] void depends_on_examples(std::string_view argument) const;
  std::string node_name(std::string_view op);

  GraphLowering& graph_;
  const RecordedCall& call_;
  const RecordedCall& other_;
  std::vector<Dims> dims_;
};

}  // namespace espalier
