#include "experiments/stages/stage_spec.h"

#include "base/error.h"
#include "experiments/formats/json_field_reader.h"
#include "experiments/formats/json_field_writer.h"
#include "experiments/stages/stage_fields.h"

namespace espalier {
namespace {

// The specs there are, each with what begins the message about one that is refused: "train spec: start_step: ...".
// Several kinds of stages may have one spec.
#define ESPALIER_SPECS(DO)                \
  DO(InitSpec, "init spec")               \
  DO(TrainSpec, "train spec")             \
  DO(PruneSpec, "prune spec")             \
  DO(ShuffleSpec, "shuffle spec")         \
  DO(NarrowSpec, "narrow spec")           \
  DO(EvaluateSpec, "evaluate spec")       \
  DO(SensitivitySpec, "sensitivity spec") \
  DO(LatencySpec, "latency spec")         \
  DO(NoopSpec, "noop spec")               \
  DO(RepairSpec, "repair spec")           \
  DO(ModelFile, "TorchScript module")

template <typename Spec>
const char* name_of_spec();
#define ESPALIER_NAME_SPEC(Spec, name) \
  template <>                          \
  const char* name_of_spec<Spec>() {   \
    return name;                       \
  }
ESPALIER_SPECS(ESPALIER_NAME_SPEC)
#undef ESPALIER_NAME_SPEC

template <typename Spec>
void check_spec(const Spec&) {}

void check_spec(const TrainSpec& spec) {
  if (spec.end_step < spec.start_step)
    throw Error(ErrorKind::invalid_input, "train spec: end_step: expected at least start_step");
}

void check_spec(const RepairSpec& spec) {
  if (!spec.refit && !spec.bn_stats) throw Error(ErrorKind::invalid_input, "repair spec: expected refit or bn_stats");
}

/// Finds datasets and modules anywhere in a spec.
class ReadsCollector {
 public:
  explicit ReadsCollector(StageReads& reads) : reads_(reads) {}

  template <typename Value>
  void field(const char*, const Value& value, FieldRange = {}) {
    if constexpr (std::same_as<Value, DatasetSpec>) {
      reads_.datasets.push_back(value);
    } else if constexpr (std::same_as<Value, ModelFile>) {
      reads_.file = value;
    } else if constexpr (requires { visit_fields(*this, value); }) {
      visit_fields(*this, value);
    }
  }
  template <typename Value>
  void added(const char* name, const Value& value, const std::type_identity_t<Value>& = {}, FieldRange = {}) {
    field(name, value);
  }
  template <typename Value>
  void added(const char* name, const std::optional<Value>& value) {
    if (value) field(name, *value);
  }
  template <typename Value>
  void nullable(const char* name, const std::optional<Value>& value) {
    if (value) field(name, *value);
  }

 private:
  StageReads& reads_;
};

template <typename Spec>
StageReads reads_of_spec(std::string_view json) {
  const Spec spec = parse_spec<Spec>(json);
  StageReads reads;
  ReadsCollector collector(reads);
  visit_fields(collector, spec);
  return reads;
}

}  // namespace

template <typename Spec>
std::string canonical_json(const Spec& spec) {
  std::string text;
  JsonWriter out(text);
  JsonFieldWriter(out).write(spec);
  return text;
}

template <typename Spec>
Spec parse_spec(std::string_view json) {
  const nlohmann::json object = parse_json_object(json, name_of_spec<Spec>());
  JsonReader in(object, name_of_spec<Spec>());
  Spec spec;
  JsonFieldReader::read(in, spec);
  check_spec(spec);
  return spec;
}

#define ESPALIER_INSTANTIATE_SPEC(Spec, name)       \
  template std::string canonical_json(const Spec&); \
  template Spec parse_spec(std::string_view);
ESPALIER_SPECS(ESPALIER_INSTANTIATE_SPEC)
#undef ESPALIER_INSTANTIATE_SPEC

StageReads reads_of(StageKind kind, std::string_view spec) {
  switch (kind) {
#define ESPALIER_STAGE_KIND(name, Spec, properties) \
  case StageKind::name:                             \
    return reads_of_spec<Spec>(spec);
#include "experiments/stages/stage_kinds.def"
#undef ESPALIER_STAGE_KIND
  }
  throw Error(ErrorKind::internal, "a stage has no kind");
}

}  // namespace espalier
