#include "worker/lowering/call_lowering.h"
#include "worker/lowering/translations.h"

namespace espalier {
namespace {

void lower_batch_norm(CallLowering& call) {
  if (call.truth("training") || !call.has("running_mean") || !call.has("running_var"))
    call.refuse("normalizes with the statistics of the batch in evaluation mode");
  const double momentum = call.number("momentum");
  if (momentum == 0)
    call.remark(
        "a batch norm of momentum 0 (None in PyTorch: an average over all batches): its running statistics stay as "
        "they are in training");
  call.give(call.add_layer("BatchNorm",
                           {call.value("input"), call.value("weight"), call.value("bias"), call.value("running_mean"),
                            call.value("running_var")},
                           {{"epsilon", call.number("eps")}, {"momentum", momentum}}));
}

void lower_layer_norm(CallLowering& call) {
  call.give(call.add_layer("LayerNorm", {call.value("input"), call.value("weight"), call.value("bias")},
                           {{"dims", static_cast<std::int64_t>(call.integers("normalized_shape").size())},
                            {"epsilon", call.number("eps")}}));
}

void lower_group_norm(CallLowering& call) {
  call.give(call.add_layer("GroupNorm", {call.value("input"), call.value("weight"), call.value("bias")},
                           {{"groups", call.integer("num_groups")}, {"epsilon", call.number("eps")}}));
}

void lower_instance_norm(CallLowering& call) {
  if (!call.truth("use_input_stats") || call.has("running_mean"))
    call.refuse("keeps running statistics, which an InstanceNorm here does not");
  call.give(call.add_layer("InstanceNorm", {call.value("input"), call.value("weight"), call.value("bias")},
                           {{"epsilon", call.number("eps")}}));
}

}  // namespace

const Translations& norm_translations() {
  static const Translations kAll{
      {"aten::batch_norm", lower_batch_norm},
      {"aten::layer_norm", lower_layer_norm},
      {"aten::group_norm", lower_group_norm},
      {"aten::instance_norm", lower_instance_norm},
  };
  return kAll;
}

}  // namespace espalier
