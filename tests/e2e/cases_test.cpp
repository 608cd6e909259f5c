// Files that went wrong in the hands of others, each with what is right. The folder's default lies beside the
// repository; $ESPALIER_CASES names another. What is not there is skipped by its name.
#include <csignal>

#include <gmock/gmock.h>

#include "tests/e2e/sweep_case.h"
#include "tests/needs.h"

namespace espalier {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class Cases : public SweepCase {
 protected:
  std::filesystem::path find(const std::string& file) {
    const std::filesystem::path path = folder_named_by("ESPALIER_CASES", ESPALIER_CASES_DEFAULT) / file;
    return std::filesystem::exists(path) ? path : std::filesystem::path();
  }
  /// What `check` prints, on both streams, if it ends so.
  std::string check(const std::string& sweep, int exit_code) {
    const ProgramEnd end = espalier({"check", sweep});
    EXPECT_EQ(end.exit_code, exit_code) << end.out << end.err;
    return end.out + end.err;
  }
  std::string check_data(const std::string& dataset, int exit_code, const std::string& model = "mlp-16") {
    return check(write("d.yaml", "sweep: d\ndataset: " + dataset + "\nmodel: " + model +
                                     "\nseeds: 1\ntrain: {lr: 0.1, batch_size: 20, epochs: 1}\n"
                                     "prune: {method: magnitude, sparsity: [0.5, 0.8, 0.9]}\n"),
                 exit_code);
  }
};

#define ESPALIER_NEED_CASE(variable, file)          \
  const std::string variable = find(file).string(); \
  ESPALIER_NEEDS("cases", !variable.empty(), "no case " << file << "; set ESPALIER_CASES")

TEST_F(Cases, NotANumberIsNoOption) {
  ESPALIER_NEED_CASE(sweep, "05-nan-options/ok.yaml");
  for (const char* option : {"--latency=nan", "--losses=nan", "--seed=-1", "--seed=99999999999999999999"}) {
    const ProgramEnd end = espalier({"simulate", sweep, option});
    EXPECT_EQ(end.exit_code, 2) << option << end.out;
    EXPECT_THAT(end.err, HasSubstr("number from 0 to"));
  }
  const ProgramEnd end = espalier({"run", sweep, "--store", store(), "--hang-limit", "nan"});
  EXPECT_EQ(end.exit_code, 2) << end.out;
  EXPECT_FALSE(std::filesystem::exists(store()));
}

TEST_F(Cases, DataThatMeasureNothingAreRefusedOrSaid) {
  ESPALIER_NEED_CASE(one, "10-data-that-measures-nothing/one-class.safetensors");
  EXPECT_THAT(check_data("{tensors: " + one + "}", 2), AllOf(HasSubstr(one), HasSubstr("are of class")));
  ESPALIER_NEED_CASE(gaps, "10-data-that-measures-nothing/l255.safetensors");
  EXPECT_THAT(check_data("{tensors: " + gaps + "}", 0), HasSubstr("no example is of class 1 to 254"));
  ESPALIER_NEED_CASE(unseen, "10-data-that-measures-nothing/test-newclass.safetensors");
  EXPECT_THAT(check_data("{tensors: " + unseen + "}", 0), HasSubstr("no example to train on is of class"));
}

TEST_F(Cases, OtherTypesAreRead) {
  ESPALIER_NEED_CASE(brains, "11-types/x-bf16.safetensors");
  EXPECT_THAT(check_data("{tensors: " + brains + "}", 0), HasSubstr("good: "));
  ESPALIER_NEED_CASE(words, "11-types/y-int32.safetensors");
  EXPECT_THAT(check_data("{tensors: " + words + "}", 0), HasSubstr("good: "));
}

TEST_F(Cases, EqualNumbersAreOneValue) {
  ESPALIER_NEED_CASE(sweep, "12-equal-values/f.yaml");
  EXPECT_THAT(check(sweep, 2), HasSubstr("0.90000000000000002 is listed twice: 0.9 is the same"));
}

TEST_F(Cases, TheProductOfTwoBoundedNumbersIsBounded) {
  ESPALIER_NEED_CASE(sweep, "14-simulate-memory/ok.yaml");
  const ProgramEnd end = espalier({"simulate", sweep, "--pools", "100000", "--ranks", "100000"});
  EXPECT_EQ(end.exit_code, 2) << end.out;
  EXPECT_THAT(end.err, HasSubstr("--pools 100000 of --ranks 100000 are 10,000,000,000 ranks; at most 10,000,000"));
}

TEST_F(Cases, WhatOnlyTrainingShowsIsToldBeforeIt) {
  ESPALIER_NEED_CASE(rows, "06-only-while-training/ok.safetensors");
  for (const auto& [file, words] :
       {std::pair("detached", "no gradient leads from its output back to any of its parameters"),
        std::pair("nograd", "no gradient leads from its output back to any of its parameters"),
        std::pair("intout", "gives an output of 2x2 of type Long for 2 examples; expected 2x2 of float"),
        std::pair("traced2-len", "shape '[2, 2]' is invalid for input of size 6 (gen_ts.py, line "),
        std::pair("trainshape", "gives an output of 6x2 for 3 examples in training mode; expected 3x2"),
        std::pair("trainwide", "gives an output of 3x4 for 3 examples in training mode; expected 3x2")}) {
    ESPALIER_NEED_CASE(module, "06-only-while-training/" + std::string(file) + ".pt");
    EXPECT_THAT(check_data("{tensors: " + rows + "}", 2, "{torchscript: " + module + "}"), HasSubstr(words)) << file;
  }
}

TEST_F(Cases, ALastBatchOfOneWithABatchNormIsTold) {
  ESPALIER_NEED_CASE(sweep, "06-only-while-training/bn201.yaml");
  const std::filesystem::path folder = std::filesystem::path(sweep).parent_path();
  for (const std::vector<std::string>& command : {std::vector<std::string>{"check"}, {"plan"}, {"run"}}) {
    std::vector<std::string> words = espalier_command(command);
    words.push_back(sweep);
    if (command[0] != "check") words.insert(words.end(), {"--store", store()});
    const ProgramEnd end = Program(words, {}, folder).wait();
    EXPECT_EQ(end.exit_code, 2) << end.out << end.err;
    EXPECT_THAT(end.err,
                AllOf(HasSubstr("bn201.yaml:5:8: train: the last batch of an epoch has one example, as 185 are "
                                "trained on in batches of 46"),
                      HasSubstr("batch norm bn would have one number of each channel")));
  }
  const ProgramEnd other =
      Program(espalier_command({"check", sweep, "--set", "train.batch_size=45"}), {}, folder).wait();
  EXPECT_EQ(other.exit_code, 0) << other.err;
}

TEST_F(Cases, LayersThatAreLeftOutAreNamedAndCounted) {
  ESPALIER_NEED_CASE(rows, "06-only-while-training/ok.safetensors");
  for (const auto& [file, reason] :
       {std::pair("prune-traced", "computed from weight_orig and weight_mask; call torch.nn.utils.prune.remove"),
        std::pair("weightnorm-traced", "computed from weight_g and weight_v; call torch.nn.utils.remove_weight_norm"),
        std::pair("param-traced", "computed from parametrizations.weight.original; call torch.nn.utils.parametrize")}) {
    ESPALIER_NEED_CASE(module, "07-layers-left-out/" + std::string(file) + ".pt");
    EXPECT_THAT(check_data("{tensors: " + rows + "}", 0, "{torchscript: " + module + "}"),
                AllOf(HasSubstr("warning: model: "), HasSubstr("not pruned: fc1: its weight is no parameter, but "),
                      HasSubstr(reason)))
        << file;
  }
  ESPALIER_NEED_CASE(module, "07-layers-left-out/prune-traced.pt");
  const std::string sweep =
      write("d.yaml", "sweep: d\ndataset: {tensors: " + rows + "}\nmodel: {torchscript: " + module +
                          "}\nseeds: 1\ntrain: {lr: 0.1, batch_size: 20, epochs: 1}\n"
                          "prune: {method: magnitude, sparsity: 0.75}\ncontrols: []\n");
  for (const char* command : {"plan", "run"}) {
    const ProgramEnd end = espalier({command, sweep, "--store", store(), "--workers", "1"});
    EXPECT_EQ(end.exit_code, 0) << end.err;
    EXPECT_THAT(end.err, HasSubstr("not pruned: fc1: ")) << command;
  }
  // fc2 has 32 of 178 parameters: 24 of them are gone.
  const ProgramEnd table = espalier({"results", "--store", store()});
  EXPECT_THAT(table.out, AllOf(HasSubstr("of all"), HasSubstr("75 %"), HasSubstr("13.48 %"))) << table.out;
}

TEST_F(Cases, AModulesOwnMessageIsShown) {
  ESPALIER_NEED_CASE(rows, "06-only-while-training/ok.safetensors");
  for (const auto& [file, words] :
       {std::pair("noforward", "the module fails: Method 'forward' is not defined. (it was given"),
        std::pair("twoinputs", "the module fails: forward() is missing value for argument 'y'. Declaration: forward("),
        std::pair("unicode",
                  "is no TorchScript file that can be read; torch.jit.script(module).save(path) makes one: ill "
                  "formed octal specifier (__torch__.py, line 11: ")}) {
    ESPALIER_NEED_CASE(module, "08-last-line/" + std::string(file) + ".pt");
    EXPECT_THAT(check_data("{tensors: " + rows + "}", 2, "{torchscript: " + module + "}"),
                AllOf(HasSubstr(words), Not(HasSubstr("frame #"))))
        << file;
  }
}

TEST_F(Cases, AModuleThatNeverEndsIsWaitedForAloudAndNotForEver) {
  ESPALIER_NEED_CASE(rows, "06-only-while-training/ok.safetensors");
  ESPALIER_NEED_CASE(module, "21-endless-module/loop.pt");
  const std::string sweep =
      write("d.yaml", "sweep: d\ndataset: {tensors: " + rows + "}\nmodel: {torchscript: " + module +
                          "}\nseeds: 1\ntrain: {lr: 0.1, batch_size: 20, epochs: 1}\n");
  for (const char* command : {"check", "plan", "run"}) {
    std::vector<std::string> words{command, sweep};
    if (command != std::string("check")) words.insert(words.end(), {"--store", store()});
    const ProgramEnd end = espalier(words, {{"ESPALIER_LOOK_LIMIT", "4"}});
    EXPECT_EQ(end.exit_code, 2) << end.out << end.err;
    EXPECT_LT(end.seconds, 60);
    EXPECT_THAT(end.err, AllOf(HasSubstr("loop.pt: still waiting for espalier-worker, which runs the module's code; it "
                                         "gets 4 s (ESPALIER_LOOK_LIMIT)"),
                               HasSubstr("its code did not come to an end within 4 s; if it only is slow, "
                                         "ESPALIER_LOOK_LIMIT=SECONDS gives it longer")))
        << command;
  }
}

TEST_F(Cases, ASubmittedModuleThatNeverEndsIsWaitedForAloudToo) {
  ESPALIER_NEED_CASE(rows, "06-only-while-training/ok.safetensors");
  ESPALIER_NEED_CASE(module, "21-endless-module/loop.pt");
  ESPALIER_NEED_CASE(pruned, "07-layers-left-out/prune-traced.pt");
  const auto sweep_of = [&](const std::string& name, const std::string& file) {
    return write(name + ".yaml", "sweep: " + name + "\ndataset: {tensors: " + rows + "}\nmodel: {torchscript: " + file +
                                     "}\nseeds: 1\ntrain: {lr: 0.1, batch_size: 20, epochs: 1}\n");
  };
  Program coordinator(espalier_command({"serve", "--store", store()}), {{"ESPALIER_LOOK_LIMIT", "4"}});
  while (coordinator.running() && coordinator.out().find("listening on") == std::string::npos) ::usleep(10000);
  const ProgramEnd endless = espalier({"submit", sweep_of("endless", module), "--store", store()});
  EXPECT_EQ(endless.exit_code, 2) << endless.out << endless.err;
  EXPECT_THAT(endless.err,
              AllOf(HasSubstr("still waiting for the coordinator, which reads its data and runs the code of "
                              "its modules"),
                    HasSubstr("its code did not come to an end within 4 s")));
  const ProgramEnd taken = espalier({"submit", sweep_of("pruned", pruned), "--store", store()});
  EXPECT_EQ(taken.exit_code, 0) << taken.err;
  EXPECT_THAT(taken.err, HasSubstr("not pruned: fc1: "));
  coordinator.signal(SIGTERM);
  coordinator.wait();
}

TEST_F(Cases, ImagesOfOneLineKeepTheirShape) {
  ESPALIER_NEED_CASE(rows, "15-flat-images/ncl.safetensors");
  ESPALIER_NEED_CASE(along, "15-flat-images/conv13.pt");
  EXPECT_THAT(check_data("{tensors: " + rows + "}", 0, "{torchscript: " + along + "}"), HasSubstr("good: "));
  ESPALIER_NEED_CASE(channels, "15-flat-images/c11.safetensors");
  ESPALIER_NEED_CASE(across, "15-flat-images/convc11.pt");
  EXPECT_THAT(check_data("{tensors: " + channels + "}", 0, "{torchscript: " + across + "}"), HasSubstr("good: "));
}

TEST_F(Cases, ANetworkForImagesOfOneLineIsTrainedOnThem) {
  ESPALIER_NEED_CASE(rows, "15-flat-images/ncl.safetensors");
  ESPALIER_NEED_CASE(along, "15-flat-images/conv13.pt");
  const std::string sweep =
      write("d.yaml", "sweep: d\ndataset: {tensors: " + rows + "}\nmodel: {torchscript: " + along +
                          "}\nseeds: 1\ntrain: {lr: 0.1, batch_size: 20, epochs: 1}\n");
  const ProgramEnd end = espalier({"run", sweep, "--store", store(), "--workers", "1"});
  EXPECT_EQ(end.exit_code, 0) << end.out << end.err;
}

TEST_F(Cases, WhatCannotBeSeenIsNamed) {
  ESPALIER_NEED_CASE(escapes, "16-invisible/esc.yaml");
  EXPECT_THAT(check(escapes, 2), AllOf(HasSubstr("\"a\\x1b[31mRED\\x1b[0m\\x0dspoof\""), Not(HasSubstr("\x1b"))));
  for (const char* file : {"nbsp-after-colon", "nbsp-indent", "nbsp-trailing"}) {
    ESPALIER_NEED_CASE(sweep, "16-invisible/" + std::string(file) + ".yaml");
    EXPECT_THAT(check(sweep, 2), HasSubstr("\\u00a0 is a no-break space")) << file;
  }
}

TEST_F(Cases, FilesByOtherNamesAreFound) {
  ESPALIER_NEED_CASE(folder, "17-file-names/idx-dot");
  EXPECT_THAT(check_data("{idx: " + folder + "}", 0), HasSubstr("good: "));
}

TEST_F(Cases, WhatNeverTakesEffectIsSaid) {
  ESPALIER_NEED_CASE(milestones, "18-beyond-the-end/lr-schedule-beyond.yaml");
  EXPECT_THAT(check(milestones, 0), HasSubstr("milestone 20ep is step 120 of a training of 6 steps"));
  ESPALIER_NEED_CASE(warmup, "18-beyond-the-end/warmup-beyond.yaml");
  EXPECT_THAT(check(warmup, 0), HasSubstr("rises over 60 steps of a training of 6"));
}

TEST_F(Cases, WhatIsEmptyIsSaidToBe) {
  ESPALIER_NEED_CASE(milestones, "20-empty-list-said-badly/lr-schedule-empty.yaml");
  EXPECT_THAT(check(milestones, 2), HasSubstr("found an empty list"));
  ESPALIER_NEED_CASE(when, "20-empty-list-said-badly/when-empty.yaml");
  EXPECT_THAT(check(when, 2), HasSubstr("found an empty list"));
  ESPALIER_NEED_CASE(label, "20-empty-list-said-badly/lab.yaml");
  EXPECT_THAT(check(label, 0), HasSubstr("no pool has a label with a comma"));
}

TEST_F(Cases, UnknownCommandsAndOptionsGetAGuess) {
  const auto said = [](const std::vector<std::string>& words) {
    const ProgramEnd end = espalier(words);
    EXPECT_EQ(end.exit_code, 2);
    return end.err;
  };
  EXPECT_THAT(said({"chek", "a.yaml"}), HasSubstr("unknown \"chek\"; did you mean \"check\"? (one of check, "));
  EXPECT_THAT(said({"diff"}), AllOf(HasSubstr("unknown \"diff\" (one of "), Not(HasSubstr("did you mean"))));
  EXPECT_THAT(said({"db", "chek"}), HasSubstr("unknown \"chek\"; did you mean \"check\"?"));
  EXPECT_THAT(said({"run", "a.yaml", "--stor", "S"}), HasSubstr("Did you mean --store?"));
  EXPECT_THAT(said({"results", "--format", "josn"}), HasSubstr("did you mean \"json\"?"));
}

}  // namespace
}  // namespace espalier
