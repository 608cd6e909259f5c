// A TorchScript file as the light side knows it: by its content, never by its path.
#include <algorithm>
#include <filesystem>

#include <gmock/gmock.h>

#include "base/error.h"
#include "experiments/catalog/catalog.h"
#include "experiments/models/model_description.h"
#include "experiments/operators/graph_builder.h"
#include "experiments/parse/parse_sweep.h"
#include "experiments/pruning/prune_scopes.h"
#include "tests/experiments/sweep_story.h"

namespace espalier {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

ModelFile small() {
  ModelFile script;
  script.content = std::string(64, 'c');
  script.parameters = 4 * 9 + 4 + 10 * 16;
  script.layers = {{"conv", {4, 1, 3, 3}, true, false, 36 * 784}, {"out", {10, 16}, false, true, 160}};
  return script;
}

std::string yaml_of(const std::string& file, const std::string& rest = "") {
  return "sweep: s\ndataset: mnist\nmodel: {torchscript: " + file +
         "}\nseeds: 1\ntrain: {lr: 0.1, batch_size: 60, epochs: 3}\n" + rest;
}

/// Answers for every file, and counts how often it was asked.
struct Resolver {
  int asked = 0;
  Expansion expand(const std::string& yaml) {
    return expand_trials(spec_of(yaml), mnist_sizes, [this](const ModelFileRequest& request) -> FoundModelFile {
      ++asked;
      return {small(), request.model.path};
    });
  }
};

TEST(ScriptModelTest, its_counts_are_those_it_was_told) {
  const ModelDescription model = describe_model({"torchscript-c", {1, 28, 28}, 10, small()});
  const ModelCounts counts = count_model(model);
  EXPECT_EQ(counts.parameters, 200);
  EXPECT_EQ(counts.prunable, 36 + 160);
  EXPECT_EQ(counts.madds, 36 * 784 + 160);
  const auto layers = prunable_layers(model);
  ASSERT_EQ(layers.size(), 2U);
  EXPECT_TRUE(layers[0].is_conv());
  EXPECT_TRUE(layers[1].is_output);
  EXPECT_FALSE(layers[1].bias);
}

TEST(ScriptModelTest, is_trained_by_one_rank) {
  Resolver resolver;
  EXPECT_THAT(
      texts(resolver.expand(yaml_of("net.pt", "ranks_per_trial: 2\n")).diagnostics),
      ElementsAre(HasSubstr("s.yaml:6:18: ranks_per_trial: a TorchScript module cannot be trained by several")));
}

TEST(ScriptModelTest, comes_back_from_a_spec_and_leaves_other_specs_alone) {
  EvaluateSpec spec;
  spec.model = {"torchscript-c", {1, 28, 28}, 10, small()};
  spec.dataset = {"mnist", "c0ffee", 55000, 5000, 10000, {1, 28, 28}, 10, 0};
  EXPECT_EQ(parse_spec<EvaluateSpec>(canonical_json(spec)).model, spec.model);
  EXPECT_THAT(canonical_json(spec), HasSubstr(R"("parameters":200)"));
  spec.model.file.reset();
  EXPECT_THAT(canonical_json(spec), HasSubstr(R"({"classes":10,"input":[1,28,28],"name":"torchscript-c"})"));
}

// Whether the file has [N, 1, 1, F] or [N, F] is known from reading it, and in the key only where it matters.
TEST(ScriptModelTest, examples_that_keep_a_row_s_shape_are_another_model) {
  ModelFile kept = small();
  EXPECT_THAT(canonical_json(kept), testing::Not(HasSubstr("keeps_shape")));
  kept.keeps_shape = true;
  EXPECT_EQ(parse_spec<ModelFile>(canonical_json(kept)), kept);
  const auto of = [](bool keeps) {
    const auto sizes = [keeps](const DatasetRequest& request) {
      DatasetSpec dataset = mnist_sizes(request);
      dataset.keeps_shape = keeps;
      return dataset;
    };
    const auto look = [](const ModelFileRequest& request) -> FoundModelFile {
      ModelFile model = small();
      model.keeps_shape = request.keeps_shape;
      return {model, request.model.path};
    };
    return expand_trials(spec_of(yaml_of("net.pt")), sizes, look).trials.at(0);
  };
  EXPECT_TRUE(of(true).config->model.file->keeps_shape);
  EXPECT_FALSE(of(true).key == of(false).key);
}

TEST(ScriptModelTest, what_is_seen_of_data_is_said_and_is_in_no_key) {
  const auto with = [](const std::vector<std::string>& remarks) {
    return expand_trials(spec_of("sweep: s\ndataset: mnist\nmodel: lenet-300-100\ntrain: {lr: 0.1, epochs: 3}\n"),
                         [&](const DatasetRequest& request) {
                           DatasetSpec dataset = mnist_sizes(request);
                           dataset.remarks = remarks;
                           dataset.keeps_shape = !remarks.empty();
                           return dataset;
                         });
  };
  EXPECT_THAT(texts(with({"is odd"}).warnings), ElementsAre("s.yaml:2:10: warning: dataset: mnist: is odd"));
  EXPECT_THAT(texts(with({}).warnings), testing::IsEmpty());
  EXPECT_TRUE(with({"is odd"}).trials.at(0).key == with({}).trials.at(0).key);
}

TEST(ScriptModelTest, what_is_seen_of_a_module_is_said_and_is_in_no_key) {
  const auto with = [](const std::string& remark, const std::string& lone_example, bool batch_norm) {
    return expand_trials(spec_of(yaml_of("/net.pt")), mnist_sizes,
                         [&](const ModelFileRequest& request) -> FoundModelFile {
                           ModelFile seen = small();
                           if (!remark.empty()) seen.remarks.push_back(remark);
                           seen.lone_example = lone_example;
                           seen.batch_norm = batch_norm;
                           return {seen, request.model.path};
                         });
  };
  const Expansion odd = with("is odd", "fails", true), plain = with("", "", false);
  EXPECT_THAT(texts(odd.warnings), ElementsAre("s.yaml:3:8: warning: model: /net.pt: is odd"));
  EXPECT_THAT(texts(plain.warnings), testing::IsEmpty());
  EXPECT_TRUE(odd.trials.at(0).key == plain.trials.at(0).key);
  EXPECT_EQ(odd.trials.at(0).config->model, plain.trials.at(0).config->model);
}

TEST(ScriptModelTest, what_stood_in_the_way_of_a_graph_is_said_where_it_matters_and_is_in_no_key) {
  const auto with = [](const std::string& obstacle, const std::string& granularity) {
    return expand_trials(
        spec_of(yaml_of("/net.pt", "prune: {method: magnitude, granularity: " + granularity + ", sparsity: 0.5}\n")),
        mnist_sizes, [&](const ModelFileRequest& request) -> FoundModelFile {
          ModelFile seen = small();
          seen.obstacle = obstacle;
          return {seen, request.model.path};
        });
  };
  const Expansion box = with("aten::foo is not understood", "filter");
  EXPECT_THAT(
      texts(box.warnings),
      Contains("s.yaml:3:8: warning: model: /net.pt: stays a black box, of which only weights, rows and filters "
               "can be removed: aten::foo is not understood"));
  EXPECT_EQ(box.trials.at(1).key, with("", "filter").trials.at(1).key);
  EXPECT_THAT(texts(with("aten::foo is not understood", "channel").diagnostics),
              ElementsAre(testing::AllOf(HasSubstr("how layers are joined"),
                                         HasSubstr("(what stands in the way: aten::foo is not understood)"))));
}

/// What is said of a network whose last batch has one example: 401 are trained on, in batches of 50.
Expansion with_lone_example(const std::string& model, const std::string& rest = "",
                            const std::string& dataset = "mnist", const std::string& batch_size = "50",
                            const std::string& trouble = "fails", bool batch_norm = true) {
  return expand_trials(
      spec_of("sweep: s\ndataset: {name: " + dataset + ", train: 501, validation: 100}\nmodel: " + model +
              "\nseeds: 1\ntrain: {lr: 0.1, batch_size: " + batch_size + ", epochs: 3}\n" + rest),
      mnist_sizes, [&](const ModelFileRequest& request) -> FoundModelFile {
        ModelFile seen = small();
        seen.lone_example = trouble;
        seen.batch_norm = batch_norm;
        return {seen, request.model.path};
      });
}

TEST(ScriptModelTest, a_last_batch_of_one_example_is_refused_where_it_fails) {
  EXPECT_THAT(
      texts(with_lone_example("{torchscript: net.pt}").diagnostics),
      ElementsAre(testing::AllOf(HasSubstr("s.yaml:5:8: train: the last batch of an epoch has one example, as 401 "
                                           "are trained on in batches of 50, and torchscript-cccccccccccc cannot "
                                           "be trained on one: fails; choose another batch_size"))));
  EXPECT_THAT(texts(with_lone_example("{torchscript: net.pt}", "", "mnist", "1").diagnostics),
              ElementsAre(HasSubstr("batches have one example")));
  EXPECT_THAT(with_lone_example("{torchscript: net.pt}", "", "mnist", "51").diagnostics, testing::IsEmpty());
  EXPECT_THAT(with_lone_example("{torchscript: net.pt}", "", "mnist", "50", "", false).warnings, testing::IsEmpty());
}

TEST(ScriptModelTest, a_fine_tuning_has_batches_of_its_own) {
  EXPECT_THAT(texts(with_lone_example(
                        "{torchscript: net.pt}",
                        "prune: {method: magnitude, sparsity: 0.5}\nretrain: {finetune: {epochs: 1, batch_size: 40}}\n",
                        "mnist", "60")
                        .diagnostics),
              ElementsAre(testing::AllOf(HasSubstr("s.yaml:7:"), HasSubstr("in batches of 40"))));
}

TEST(ScriptModelTest, batch_norms_of_the_catalog_go_by_one_image_or_not_at_all) {
  const Expansion maps = with_lone_example("resnet-20", "", "cifar10");
  EXPECT_THAT(maps.diagnostics, testing::IsEmpty());
  EXPECT_THAT(texts(maps.warnings), ElementsAre(testing::AllOf(HasSubstr("s.yaml:5:8: warning: train: the last batch"),
                                                               HasSubstr("the batch norms of resnet-20"))));
  EXPECT_THAT(with_lone_example("lenet-300-100").warnings, testing::IsEmpty());
  EXPECT_EQ(lone_example(describe_model({"resnet-20", {3, 8, 8}, 10})).trouble, "");
  EXPECT_THAT(lone_example(describe_model({"resnet-20", {3, 4, 4}, 10})).trouble,
              HasSubstr("would have one number of each channel"));
}

TEST(ScriptModelTest, layers_that_contradict_the_parameters_are_refused) {
  ModelFile more = small();
  more.parameters = 100;
  ModelFile flat = small();
  flat.layers[0].shape = {36};
  ModelFile huge = small();
  huge.layers[0].shape = {1LL << 40, 1LL << 40, 1LL << 40, 1LL << 40};
  ModelFile none = small();
  none.layers.clear();
  for (const ModelFile& script : {more, flat, huge, none})
    EXPECT_THROW(describe_model({"torchscript-c", {1, 28, 28}, 10, script}), Error);
}

TEST(ScriptModelTest, granularities_within_a_layer_have_scopes_and_others_a_reason) {
  const ModelDescription model = describe_model({"torchscript-c", {1, 28, 28}, 10, small()});
  for (const char* granularity : {"weight", "block 2x2 mean", "filter l2"})
    EXPECT_FALSE(prune_scopes(model, parse_granularity(granularity), "magnitude", {}).empty()) << granularity;
  for (const char* granularity : {"channel l2", "head l2", "layer l2"}) {
    try {
      prune_scopes(model, parse_granularity(granularity), "magnitude", {});
      ADD_FAILURE() << granularity;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::invalid_input);
      EXPECT_THAT(error.what(), HasSubstr("how layers are joined"));
    }
  }
}

TEST(ScriptModelTest, criteria_that_unfold_a_convolution_cannot_see_its_stride) {
  const Granularity weight = parse_granularity("weight");
  ModelSpec spec{"torchscript-c", {1, 28, 28}, 10, small()};
  const std::vector<std::string> known = catalog_names(list_criteria());
  for (const char* criterion : {"wanda", "obd_fisher", "sparsegpt"}) {
    if (std::ranges::find(known, criterion) == known.end()) continue;
    try {
      prune_scopes(describe_model(spec), weight, criterion, {});
      ADD_FAILURE() << criterion;
    } catch (const Error& error) {
      EXPECT_THAT(error.what(),
                  HasSubstr(std::string(criterion) + " needs the stride and padding of convolution conv"));
    }
  }
  spec.file->layers.erase(spec.file->layers.begin());  // of linear layers they can
  if (std::ranges::find(known, "wanda") != known.end()) {
    EXPECT_EQ(prune_scopes(describe_model(spec), weight, "wanda", {}).size(), 1U);
  }
}

TEST(ScriptModelTest, the_path_travels_beside_the_key) {
  Resolver resolver;
  const Expansion here = resolver.expand(yaml_of("net.pt")), there = resolver.expand(yaml_of("/elsewhere/other.pt"));
  ASSERT_EQ(here.trials.size(), 1U);
  ASSERT_EQ(there.trials.size(), 1U);
  EXPECT_EQ(here.trials[0].key, there.trials[0].key);
  EXPECT_EQ(here.trials[0].config->model.name, "torchscript-cccccccccccc");
  EXPECT_EQ(*there.trials[0].config->model_path, "/elsewhere/other.pt");
  EXPECT_EQ(*here.trials[0].config->model_path, std::filesystem::absolute("net.pt").string());
  const StageGraph graph = build_stage_graph(there.trials);
  for (const Stage& stage : graph.stages) {
    ASSERT_TRUE(stage.model_path);
    EXPECT_EQ(stage.spec->find("elsewhere"), std::string::npos);
  }
}

TEST(ScriptModelTest, is_asked_for_once) {
  Resolver resolver;
  resolver.expand(yaml_of("net.pt", "prune: {method: magnitude, sparsity: [0.5, 0.8]}\n") +
                  "init: [as_scripted, kaiming_normal]\n");
  EXPECT_EQ(resolver.asked, 1);
}

TEST(ScriptModelTest, starts_as_it_came_and_has_a_second_draw_all_the_same) {
  Resolver resolver;
  const Expansion expansion = resolver.expand(yaml_of(
      "net.pt", "prune: {method: magnitude, sparsity: 0.5}\nretrain: {rewind: {to: init}}\ncontrols: [reinit]\n"));
  const StageGraph graph = build_stage_graph(expansion.trials);
  std::vector<std::string> schemes;
  for (const Stage& stage : graph.stages) {
    if (stage.kind != StageKind::init) continue;
    const InitSpec spec = parse_spec<InitSpec>(*stage.spec);
    schemes.push_back(spec.stream + " " + spec.scheme);
  }
  EXPECT_THAT(schemes, testing::UnorderedElementsAre("init as_scripted", "reinit kaiming_normal"));
}

TEST(ScriptModelTest, what_is_wrong_with_the_key_is_said_at_its_place) {
  EXPECT_THAT(problems("sweep: s\ndataset: mnist\nmodel: {torchscrip: net.pt}\ntrain: {lr: 0.1, epochs: 3}\n"),
              Contains(HasSubstr("s.yaml:3:")));
  EXPECT_THAT(problems(yaml_of("''")), Contains(HasSubstr("s.yaml:3:22: model.torchscript: expected a text")));
  EXPECT_THAT(problems("sweep: s\ndataset: mnist\nmodel: lenet-300-100\ninit: as_scripted\n"
                       "train: {lr: 0.1, epochs: 3}\n"),
              Contains(HasSubstr("s.yaml:4:7: init: as_scripted keeps the weights of a model's file")));
}

/// An imported network: two convolutions side by side, whose channels can leave.
FoundModelFile imported(const ModelFileRequest& request) {
  GraphBuilder graph;
  const ValueIndex x = graph.input({request.input.begin(), request.input.end()});
  const ValueIndex sides = graph.add("Concat", "", {graph.conv2d("left", x, {4, 3}), graph.conv2d("right", x, {6, 3})},
                                     {{"dim", std::int64_t{1}}});
  const ValueIndex logits = graph.linear("fc", graph.global_average_pool(sides), request.classes);
  ModelFile file;
  file.content = std::string(64, 'd');
  file.is_graph = true;
  file.graph = std::make_shared<const OperatorGraph>(graph.finish(logits));
  file.parameters = count_model(describe_model({"net", request.input, request.classes, file})).parameters;
  return {file, "/store/networks/d.safetensors"};
}

std::string onnx_yaml(const std::string& model, const std::string& rest = "") {
  return "sweep: s\ndataset: mnist\nmodel: " + model + "\nseeds: 1\ntrain: {lr: 0.1, batch_size: 60, epochs: 3}\n" +
         rest;
}

TEST(ImportedModel, IsKnownByItsContentAndReadFromItsCopy) {
  std::vector<ModelFileRequest> asked;
  const Expansion expansion = expand_trials(spec_of(onnx_yaml("{onnx: /net.onnx, output: probabilities}")), mnist_sizes,
                                            [&](const ModelFileRequest& request) {
                                              asked.push_back(request);
                                              return imported(request);
                                            });
  ASSERT_EQ(asked.size(), 1U);
  EXPECT_EQ(asked[0].model.path, "/net.onnx");
  EXPECT_EQ(asked[0].model.format, kOnnx);
  EXPECT_EQ(asked[0].model.output, "probabilities");
  const TrialConfig& config = *expansion.trials.at(0).config;
  EXPECT_EQ(config.model.name, "onnx-dddddddddddd");
  EXPECT_EQ(*config.model_path, "/store/networks/d.safetensors");
  EXPECT_EQ(config.init, "as_scripted");
  EvaluateSpec spec;
  spec.model = config.model;
  const std::string json = canonical_json(spec);
  EXPECT_THAT(json, HasSubstr(R"("script":{"content":")" + std::string(64, 'd') +
                              R"(","graph":true,"layers":[],"parameters":)"));
  EXPECT_TRUE(json.find(R"("graph":true)") != std::string::npos);
}

TEST(ImportedModel, LosesChannelsAsTheCatalogsDo) {
  const Expansion expansion = expand_trials(
      spec_of(onnx_yaml("{onnx: /net.onnx}",
                        "prune: {method: magnitude, granularity: channel, sparsity: 0.5}\ncontrols: []\n")),
      mnist_sizes, imported);
  EXPECT_THAT(texts(expansion.diagnostics), testing::IsEmpty());
  EXPECT_EQ(expansion.trials.size(), 2U);
}

TEST(ImportedModel, OfWhichNothingCanLeaveIsRefusedWithTheReasons) {
  const auto rigid = [](const ModelFileRequest& request) -> FoundModelFile {
    GraphBuilder graph;
    const ValueIndex x = graph.input({request.input.begin(), request.input.end()});
    const ValueIndex conv = graph.conv2d("conv", x, {4, 3});
    const ValueIndex scores = graph.add("Softmax", "scores", {conv}, {{"dim", std::int64_t{1}}});
    const ValueIndex logits = graph.linear("fc", graph.global_average_pool(scores), request.classes);
    ModelFile file;
    file.content = std::string(64, 'e');
    file.is_graph = true;
    file.graph = std::make_shared<const OperatorGraph>(graph.finish(logits));
    file.parameters = count_model(describe_model({"net", request.input, request.classes, file})).parameters;
    return {file, ""};
  };
  const Expansion expansion = expand_trials(
      spec_of(onnx_yaml("{onnx: /net.onnx}", "prune: {method: magnitude, granularity: channel, sparsity: 0.5}\n")),
      mnist_sizes, rigid);
  EXPECT_THAT(texts(expansion.diagnostics),
              ElementsAre(HasSubstr("it has no outputs that could go without changing its input, its output or an "
                                    "operator that needs them all (conv: scores (Softmax) needs them all; fc: its "
                                    "outputs are the network's)")));
}

TEST(ImportedModel, WhatIsWrongWithTheKeyIsSaidAtItsPlace) {
  const auto problems = [](const std::string& model) {
    return texts(parse_sweep(onnx_yaml(model), "s.yaml", {}).diagnostics);
  };
  EXPECT_THAT(problems("{onnx: a.onnx, torchscript: b.pt}"), Contains(HasSubstr("is a second file; name one")));
  EXPECT_THAT(problems("{onnx: [1, 2, {a: b}]}"), testing::Not(testing::IsEmpty()));
  EXPECT_THAT(problems("{onxn: a.onnx}"), Contains(HasSubstr("unknown \"onxn\"")));
}

}  // namespace
}  // namespace espalier
