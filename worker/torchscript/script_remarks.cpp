#include "worker/torchscript/script_remarks.h"

#include <algorithm>
#include <utility>

#include "base/some_names.h"
#include "worker/torchscript/script_module.h"

namespace espalier {
namespace {

void remark_on_left_out(const ScriptModule& module, std::vector<std::string>& remarks) {
  std::vector<std::pair<std::string, std::vector<std::string>>> reasons;
  for (const ScriptLeftOut& one : module.left_out()) {
    const auto same = std::ranges::find(reasons, one.reason, &decltype(reasons)::value_type::first);
    (same == reasons.end() ? reasons.emplace_back(one.reason, std::vector<std::string>()) : *same)
        .second.push_back(one.layer);
  }
  for (const auto& [reason, layers] : reasons) {
    remarks.push_back("not pruned: " + some_names(layers) + ": " + reason +
                      ". Results tell the sparsity of what can be pruned, and as sparsity_total that of everything");
  }
}

void remark_on_numbers(const ScriptModule& module, std::vector<std::string>& remarks) {
  std::vector<std::string> broken;
  for (const ScriptTensor& one : module.tensors()) {
    if (one.kind != ScriptTensor::Kind::buffer && !one.tensor.isfinite().all().item<bool>()) broken.push_back(one.name);
  }
  if (!broken.empty())
    remarks.push_back("the file holds numbers that are NaN or infinite, from which no training begins: in " +
                      some_names(broken));
}

}  // namespace

std::vector<std::string> remarks_on(const ScriptModule& module) {
  std::vector<std::string> remarks;
  remark_on_left_out(module, remarks);
  remark_on_numbers(module, remarks);
  return remarks;
}

}  // namespace espalier
