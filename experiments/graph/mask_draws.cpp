#include "experiments/graph/mask_draws.h"

#include "experiments/formats/json_field_writer.h"
#include "experiments/stages/stage_fields.h"
#include "experiments/trials/trial_key.h"

namespace espalier {
namespace {

template <typename Write>
Digest digest_of_draw(Write&& write) {
  std::string text;
  JsonWriter out(text);
  out.begin_object();
  write(out);
  out.end_object();
  return sha256(text);
}

std::string draw_text(const Digest& digest) {
  constexpr std::size_t kDigits = 16;
  return to_hex(digest).substr(0, kDigits);
}

Digest retraining_of(const TrialConfig& config) {
  RetrainConfig retrain = config.retrain;
  retrain.name.clear();
  return TrialKeys().retrain(retrain);
}

}  // namespace

MaskDraws::MaskDraws(const TrialConfig& config, const PruneSpec& spec) : config_(&config) {
  const PruneConfig& prune = *config.prune;
  curves_ = digest_of_draw([&](JsonWriter& out) {
    out.field("at_step", prune.at_step);
    if (prune.gradual) out.field("every", prune.gradual->every);
    if (prune.gradual) out.field("first_step", prune.gradual->first_step);
    out.field("network", to_hex(TrialKeys().network(config)));
    out.key("prune");
    JsonFieldWriter(out).write(spec);
  });
  retraining_ = retraining_of(config);
}

std::string MaskDraws::of_curves() const {
  return draw_text(curves_);
}

std::string MaskDraws::of_round(std::size_t round) {
  while (rounds_.size() <= round) {
    rounds_.push_back(digest_of_draw([&](JsonWriter& out) {
      out.field("before", to_hex(rounds_.empty() ? curves_ : rounds_.back()));
      if (!rounds_.empty() && !config_->prune->gradual) out.field("retrain", to_hex(retraining_));
      out.key("target");
      JsonFieldWriter(out).write(config_->prune->rounds[rounds_.size()]);
    }));
  }
  return draw_text(rounds_[round]);
}

std::string MaskDraws::of_shuffle() {
  of_all_rounds();
  return draw_text(digest_of_draw([&](JsonWriter& out) {
    out.field("control", to_string(config_->control));
    out.field("masks", to_hex(rounds_.back()));
  }));
}

}  // namespace espalier
