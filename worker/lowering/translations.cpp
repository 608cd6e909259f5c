#include "worker/lowering/translations.h"

namespace espalier {

Translation find_translation(std::string_view name, const c10::FunctionSchema& schema) {
  static const Translations kAll = [] {
    Translations all;
    for (const Translations* some :
         {&layer_translations(), &norm_translations(), &pool_translations(), &product_translations(),
          &shape_translations(), &part_translations(), &function_translations(), &arithmetic_translations()})
      all.insert(some->begin(), some->end());
    return all;
  }();
  auto found = kAll.find(name);
  if (found == kAll.end() && name.ends_with('_') && schema.is_mutable())
    found = kAll.find(name.substr(0, name.size() - 1));
  return found == kAll.end() ? nullptr : found->second;
}

}  // namespace espalier
