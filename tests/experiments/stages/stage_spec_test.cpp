#include "experiments/stages/stage_spec.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/error.h"

namespace espalier {
namespace {

ModelSpec spec_lenet() {
  return {"lenet-300-100", {1, 28, 28}, 10};
}

DatasetSpec spec_mnist() {
  return {"mnist", "c0ffee", 55000, 5000, 10000, {1, 28, 28}, 10, 0};
}

TrainSpec adam_for_4585_steps() {
  TrainSpec spec;
  spec.model = spec_lenet();
  spec.dataset = spec_mnist();
  spec.optimizer.name = "adam";
  spec.optimizer.lr = 1.2e-3;
  spec.batch_size = 60;
  spec.end_step = 4585;
  spec.eval_every = 917;
  return spec;
}

PruneSpec snip_to_ten_percent() {
  PruneSpec spec;
  spec.model = spec_lenet();
  spec.criterion = "snip";
  spec.target = {26620, {23520, 3000, 100}};
  spec.dataset = spec_mnist();
  spec.batches = 1;
  spec.batch_size = 60;
  return spec;
}

// nlohmann keeps an object's keys sorted, so an object whose keys are written in order dumps to itself (up to 1.0 and
// 1).
void expect_canonical(const std::string& text) {
  EXPECT_EQ(text.find(' '), std::string::npos);
  const auto sorted = nlohmann::json::parse(text);
  const auto as_written = nlohmann::ordered_json::parse(text);
  EXPECT_EQ(sorted.dump(), as_written.dump());
}

std::string spec_refusal(const std::string& json) {
  try {
    parse_spec<TrainSpec>(json);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::invalid_input);
    return error.what();
  }
  return "accepted";
}

std::string altered(const std::string& field, const nlohmann::json& value) {
  auto json = nlohmann::json::parse(canonical_json(adam_for_4585_steps()));
  json[nlohmann::json::json_pointer(field)] = value;
  return json.dump();
}

TEST(StageSpec, canonical_json_is_this_very_text) {
  EXPECT_EQ(
      canonical_json(InitSpec{spec_lenet(), "glorot_normal", "init"}),
      R"({"model":{"classes":10,"input":[1,28,28],"name":"lenet-300-100"},"scheme":"glorot_normal","stream":"init"})");
  EXPECT_EQ(canonical_json(adam_for_4585_steps()),
            R"({"batch_size":60,"dataset":{"classes":10,"content":"c0ffee","generator_seed":0,"name":"mnist",)"
            R"("shape":[1,28,28],"test":10000,"train":55000,"validation":5000},"end_step":4585,"eval_every":917,)"
            R"("lr_schedule":{"gamma":0.1,"milestones":[],"shape":"constant","total_steps":0,"warmup_steps":0},)"
            R"("model":{"classes":10,"input":[1,28,28],"name":"lenet-300-100"},)"
            R"("optimizer":{"beta1":0.9,"beta2":0.999,"epsilon":1e-08,"lr":0.0012,"momentum":0,"name":"adam",)"
            R"("nesterov":false,"weight_decay":0},"phase":0,"start_step":0})");
  EXPECT_EQ(canonical_json(NoopSpec{7}), R"({"index":7})");
}

TEST(StageSpec, keys_are_sorted_and_nothing_is_spaced) {
  expect_canonical(canonical_json(InitSpec{spec_lenet(), "kaiming_normal", "reinit"}));
  expect_canonical(canonical_json(adam_for_4585_steps()));
  expect_canonical(canonical_json(snip_to_ten_percent()));
  expect_canonical(canonical_json(ShuffleSpec{spec_lenet()}));
  expect_canonical(canonical_json(EvaluateSpec{spec_lenet(), spec_mnist()}));
}

// What was trained by one rank before there were gangs keeps its key.
TEST(StageSpec, one_rank_is_not_spoken_of) {
  TrainSpec spec = adam_for_4585_steps();
  spec.ranks = 1;
  EXPECT_EQ(canonical_json(spec), canonical_json(adam_for_4585_steps()));
  spec.ranks = 4;
  const std::string text = canonical_json(spec);
  expect_canonical(text);
  EXPECT_NE(text.find(R"("phase":0,"ranks":4,"start_step":0})"), std::string::npos);
  EXPECT_EQ(parse_spec<TrainSpec>(text).ranks, 4);
}

TEST(StageSpec, the_worker_reads_what_expansion_wrote) {
  TrainSpec train = adam_for_4585_steps();
  train.lr_schedule = {"step", {1000, 2000}, 0.2, 500, 0};
  train.optimizer = {"sgd", 0.1, 0.9, true, 1e-4, 0.9, 0.999, 1e-8};
  train.start_step = 500;
  train.phase = 3;
  const std::string text = canonical_json(train);
  EXPECT_EQ(canonical_json(parse_spec<TrainSpec>(text)), text);
  const std::string prune = canonical_json(snip_to_ten_percent());
  EXPECT_EQ(canonical_json(parse_spec<PruneSpec>(prune)), prune);
  PruneSpec magnitude = snip_to_ten_percent();
  magnitude.dataset.reset();
  EXPECT_FALSE(parse_spec<PruneSpec>(canonical_json(magnitude)).dataset.has_value());
  EXPECT_EQ(parse_spec<InitSpec>(canonical_json(InitSpec{spec_lenet(), "glorot_normal", "init"})).model, spec_lenet());
  EXPECT_EQ(parse_spec<EvaluateSpec>(canonical_json(EvaluateSpec{spec_lenet(), spec_mnist()})).dataset, spec_mnist());
  EXPECT_EQ(parse_spec<ShuffleSpec>(canonical_json(ShuffleSpec{spec_lenet()})).model, spec_lenet());
  EXPECT_EQ(parse_spec<NoopSpec>(canonical_json(NoopSpec{7})).index, 7);
}

TEST(StageSpec, numbers_survive_to_the_last_bit) {
  TrainSpec spec = adam_for_4585_steps();
  for (const double lr : {0.1, 1.0 / 3.0, 1e-300, 1.7976931348623157e308, 5e-324}) {
    spec.optimizer.lr = lr;
    EXPECT_EQ(parse_spec<TrainSpec>(canonical_json(spec)).optimizer.lr, lr);
  }
}

TEST(StageSpec, a_strange_content_name_is_escaped) {
  EvaluateSpec spec{spec_lenet(), spec_mnist()};
  spec.dataset.content = "a \"quoted\\\" line\n";
  EXPECT_EQ(parse_spec<EvaluateSpec>(canonical_json(spec)).dataset.content, spec.dataset.content);
}

TEST(StageSpec, refusals_name_the_field) {
  EXPECT_EQ(spec_refusal("[1, 2"), "train spec: not a JSON object: [1, 2");
  EXPECT_EQ(spec_refusal("{}"), "train spec: batch_size: is missing");
  EXPECT_EQ(spec_refusal(altered("/end_step", -1)),
            "train spec: end_step: expected an integer from 0 to 1000000000000");
  EXPECT_EQ(spec_refusal(altered("/start_step", 4586)), "train spec: end_step: expected at least start_step");
  EXPECT_EQ(spec_refusal(altered("/end_step", 1e30)),
            "train spec: end_step: expected an integer from 0 to 1000000000000");
  EXPECT_EQ(spec_refusal(altered("/batch_size", 0)), "train spec: batch_size: expected an integer from 1 to 10000000");
  EXPECT_EQ(spec_refusal(altered("/model/input", {1, 28})),
            "train spec: model: input: expected three integers: channels, height, width");
  EXPECT_EQ(spec_refusal(altered("/dataset/name", 5)), "train spec: dataset: name: expected a text");
  EXPECT_EQ(spec_refusal(altered("/optimizer/lr", "fast")), "train spec: optimizer: lr: expected a finite number");
  EXPECT_EQ(spec_refusal(altered("/ranks", 1025)), "train spec: ranks: expected an integer from 1 to 1024");
  EXPECT_EQ(spec_refusal(altered("/novelty", 1)),
            "train spec: has fields that this version does not know; use the same version everywhere");
}

TEST(StageSpec, rankings_and_multiples_are_written_where_a_target_has_them) {
  PruneSpec spec = snip_to_ten_percent();
  EXPECT_EQ(canonical_json(spec).find("ranking_kept"), std::string::npos);
  EXPECT_EQ(canonical_json(spec).find("layer_multiple"), std::string::npos);
  spec.target = {.total_kept = 30, .layer_ranking = {0, 1, 0}, .ranking_kept = {20, 10}, .layer_multiple = {8, 1, 8}};
  expect_canonical(canonical_json(spec));
  EXPECT_EQ(parse_spec<PruneSpec>(canonical_json(spec)), spec);
}

}  // namespace
}  // namespace espalier
