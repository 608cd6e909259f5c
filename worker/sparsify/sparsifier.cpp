#include "worker/sparsify/sparsifier.h"

#include <vector>

#include "base/error.h"
#include "base/suggest.h"

namespace espalier {
namespace {

struct SparsifierEntry {
  const char* name;
  std::unique_ptr<Sparsifier> (*make)(const SparsifierContext&);
};
constexpr SparsifierEntry kSparsifiers[] = {
#define ESPALIER_SPARSIFIER(name, what, paper, options, about) {#name, make_##name##_sparsifier},
#include "experiments/catalog/sparsifiers.def"
#undef ESPALIER_SPARSIFIER
};

}  // namespace

std::unique_ptr<Sparsifier> make_sparsifier(const SparsifierContext& context) {
  const TrainSpec& spec = context.spec;
  if (spec.gradual) return make_gradual_sparsifier(context);
  if (!spec.sparsify) return nullptr;
  std::vector<std::string> choices;
  for (const SparsifierEntry& entry : kSparsifiers) {
    if (entry.name == spec.sparsify->name) return entry.make(context);
    choices.emplace_back(entry.name);
  }
  throw Error(ErrorKind::invalid_input, "train.sparsify: " + unknown_name(spec.sparsify->name, choices));
}

}  // namespace espalier
