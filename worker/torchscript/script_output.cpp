#include "worker/torchscript/script_output.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <ATen/core/function_schema.h>
#include <ATen/core/ivalue.h>

#include "base/error.h"

namespace espalier {
namespace {

using Members = std::vector<std::pair<std::string, at::Tensor>>;  // tensors alone

void add_member(Members& members, const std::string& name, const c10::IValue& value) {
  if (value.isTensor() && value.toTensor().defined()) members.emplace_back(name, value.toTensor());
}

Members members_of(const c10::IValue& output) {
  Members members;
  if (output.isGenericDict()) {
    for (const auto& entry : output.toGenericDict())
      add_member(members, entry.key().isString() ? entry.key().toStringRef() : "", entry.value());
  } else if (output.isTuple()) {
    const auto tuple = output.toTuple();
    const auto type = tuple->type();
    for (std::size_t i = 0; i < tuple->elements().size(); ++i) {
      const auto& schema = type->schema();
      add_member(members, schema ? schema->arguments()[i].name() : std::to_string(i), tuple->elements()[i]);
    }
  } else if (output.isList()) {
    const auto list = output.toListRef();
    for (std::size_t i = 0; i < list.size(); ++i) add_member(members, std::to_string(i), list[i]);
  }
  return members;
}

std::string names_of(const Members& members, const std::string& but) {
  std::string text;
  for (const auto& [name, tensor] : members) {
    if (name != but) text.append(text.empty() ? "" : ", ").append(name);
  }
  return text;
}

}  // namespace

ScriptOutput choose_output(const c10::IValue& output, const std::string& choice) {
  if (output.isTensor() && choice.empty()) return {output.toTensor(), "", ""};
  if (output.isTensor())
    throw Error(ErrorKind::invalid_input, "output: the module gives one tensor; leave out `output: " + choice + "`");
  const Members members = members_of(output);
  const std::string which = "; it gives a " + output.tagKind() + " of " + names_of(members, "");
  if (members.empty())
    throw Error(ErrorKind::invalid_input, "the module gives a " + output.tagKind() + " without a tensor");
  auto found = members.begin();
  if (!choice.empty()) {
    found = std::ranges::find(members, choice, &Members::value_type::first);
    for (std::size_t i = 0; found == members.end() && i < members.size(); ++i) {
      if (choice == std::to_string(i)) found = members.begin() + static_cast<std::ptrdiff_t>(i);
    }
    if (found == members.end()) throw Error(ErrorKind::invalid_input, "output: there is no " + choice + which);
  } else if (members.size() > 1 && !output.isTuple()) {
    throw Error(ErrorKind::invalid_input,
                "the module gives several tensors; say which one holds the logits, such as "
                "`output: " +
                    members[0].first + "`" + which);
  }
  return {found->second, found->first, names_of(members, found->first)};
}

}  // namespace espalier
