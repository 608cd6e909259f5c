#include <ATen/ops/ones_like.h>

#include "tests/worker/golden/golden_case.h"
#include "worker/criteria/column_pruning.h"

// SparseGPT on one matrix, W [out, in] with inputs X [rows, in].

namespace espalier {
namespace {

at::Tensor hessian(const GoldenCase& golden) {
  const at::Tensor x = golden.tensor("X").to(at::kDouble);
  return x.t().matmul(x).mul(2);
}

double damping(const GoldenCase& golden) {
  return golden.meta.at("runs").begin()->at("percdamp");
}

/// The repository's rule: `<= sorted[int(count * s)]` goes, so int(count * s) + 1 weights of each block of columns.
std::vector<std::int64_t> counts(const at::Tensor& weight, std::int64_t block, double sparsity) {
  std::vector<std::int64_t> kept;
  for (const at::Tensor& part : weight.split(block, 1)) {
    const std::int64_t all = part.numel();
    kept.push_back(all - static_cast<std::int64_t>(static_cast<double>(all) * sparsity) - 1);
  }
  return kept;
}

GoldenTable runs() {
  GoldenTable table;
  for (const char* run : {"sp50_bs128", "sp50_bs8", "nm24_bs128", "nm24_bs8"}) {
    const auto compare = [run](const char* what) {
      return [run, what = std::string(what)](const GoldenCase& golden, const std::string&) -> NamedTensors {
        const nlohmann::json& settings = golden.meta.at("runs").at(run);
        const at::Tensor& weight = golden.tensor("W");
        ColumnPruning rules;
        rules.block = settings.at("blocksize");
        if (settings.contains("prunem")) {
          const std::int64_t pruned = settings.at("prunen"), of = settings.at("prunem");
          rules.kept = of - pruned;
          rules.of = of;
        } else {
          rules.counts = counts(weight, rules.block, settings.at("sparsity"));
        }
        const at::Tensor factor = inverse_factor(hessian(golden), settings.at("percdamp"));
        const PrunedColumns ours = prune_columns(weight, at::ones_like(weight, at::kByte), factor, rules);
        if (what == "mask") return {{"", ours.mask}};
        if (what == "weight") return {{"", ours.weight}};
        const at::Tensor change = golden.tensor("X").to(at::kDouble).matmul(ours.weight.sub(weight).t());
        return {{"", change.square().sum().reshape({1})}};
      };
    };
    table[std::string(run) + ".mask"] = {0, compare("mask")};
    table[std::string(run) + ".weight"] = {1e-4, compare("weight")};
    table[std::string(run) + ".recon_error"] = {1e-3, compare("recon_error")};
  }
  return table;
}

}  // namespace

GoldenTable golden_repairs() {
  GoldenTable table = runs();
  const auto given = [](const char* key) {
    return GoldenEntry{0, [key](const GoldenCase& golden, const std::string&) {
                         return NamedTensors{{"", golden.tensor(key)}};
                       }};
  };
  table["W"] = given("W");
  table["X"] = given("X");
  table["H"] = {1e-5, [](const GoldenCase& golden, const std::string&) { return NamedTensors{{"", hessian(golden)}}; }};
  table["Hinv_chol_upper"] = {1e-4, [](const GoldenCase& golden, const std::string&) {
                                return NamedTensors{{"", inverse_factor(hessian(golden), damping(golden))}};
                              }};
  return table;
}

}  // namespace espalier
