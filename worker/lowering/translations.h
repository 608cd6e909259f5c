#pragma once

#include <map>
#include <string_view>

#include <ATen/core/function_schema.h>

namespace espalier {

class CallLowering;

/// Makes nodes of a call. Errors: ErrorKind::invalid_input for arguments that no operator of ours has.
using Translation = void (*)(CallLowering& call);
using Translations = std::map<std::string_view, Translation>;

/// By the names of LibTorch's operators, without overloads. Each stands for the one that works in place ("relu_"), too.
const Translations& layer_translations();
const Translations& norm_translations();
const Translations& pool_translations();
const Translations& product_translations();
const Translations& shape_translations();
const Translations& part_translations();
const Translations& function_translations();
const Translations& arithmetic_translations();

/// Null: the operator is looked into.
Translation find_translation(std::string_view name, const c10::FunctionSchema& schema);

}  // namespace espalier
