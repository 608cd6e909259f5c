// A sweep file must not exhaust its reader's memory, stack or time.

#include "experiments/parse/read_yaml.h"

#include <gmock/gmock.h>

#include "tests/experiments/sweep_story.h"

namespace espalier {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string repeated(const std::string& text, std::size_t times) {
  std::string all;
  for (std::size_t i = 0; i < times; ++i) all += text;
  return all;
}

TEST(ReadYaml, a_large_file_is_refused_unread) {
  EXPECT_THAT(problems(std::string(100 << 20, '[')),
              ElementsAre("s.yaml:1:1: is 104857600 bytes; a sweep has at most 1048576"));
}

TEST(ReadYaml, a_bomb_of_aliases_is_refused) {
  std::string bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n";
  for (char c = 'b'; c <= 'i'; ++c) {
    const std::string before(1, static_cast<char>(c - 1));
    bomb += std::string(1, c) + ": &" + c + " [" + repeated("*" + before + ", ", 8) + "*" + before + "]\n";
  }
  EXPECT_THAT(problems(bomb),
              ElementsAre("s.yaml:1:4: anchors and aliases (& and *) are not used in sweeps; write the value out"));
}

TEST(ReadYaml, deep_nesting_is_refused) {
  EXPECT_THAT(problems("sweep: " + repeated("[", 40) + repeated("]", 40)),
              ElementsAre("s.yaml:1:39: nested deeper than 32"));
  EXPECT_THAT(problems("sweep: " + repeated("[", 100'000)), ElementsAre(HasSubstr("is a bracket left open?")));
  EXPECT_THAT(problems("sweep: " + repeated("[", 1'000'000)), ElementsAre(HasSubstr("more than 100000 values")));
  EXPECT_THAT(problems("sweep: " + repeated("{a: ", 200'000)), ElementsAre(HasSubstr("nested deeper than 32")));
  EXPECT_THAT(problems(repeated("- ", 300'000)), ElementsAre(HasSubstr("nested deeper than 32")));
}

TEST(ReadYaml, too_many_values_and_keys_are_refused) {
  EXPECT_THAT(problems("sweep: [" + repeated("1,", 200'000) + "1]"), ElementsAre(HasSubstr("more than 100000 values")));
  std::string wide;
  for (int i = 0; i < 2000; ++i) wide += "k" + std::to_string(i) + ": 1\n";
  EXPECT_THAT(problems(wide), ElementsAre("s.yaml:1001:1: more than 1000 keys in one map"));
}

// Each value holds the path of keys that leads to it: a long one, a hundred thousand times, would be gigabytes.
TEST(ReadYaml, long_paths_are_refused) {
  const std::string long_key(400'000, 'k');
  EXPECT_THAT(problems("? " + long_key + "\n: [" + repeated("1, ", 90'000) + "1]\n"),
              ElementsAre("s.yaml:1:3: the keys down to here are longer than 500 bytes"));
  std::string nested;
  for (std::size_t depth = 0; depth < 20; ++depth) nested += std::string(depth, ' ') + std::string(100, 'k') + ":\n";
  EXPECT_THAT(problems(nested + std::string(20, ' ') + "1\n"),
              ElementsAre(HasSubstr("the keys down to here are longer than 500 bytes")));
  EXPECT_THAT(problems("sweep: s", {repeated("a.", 60'000) + "a=1"}),
              testing::Contains(HasSubstr("no key is so long")));
}

TEST(ReadYaml, lists_that_multiply_without_end_are_refused) {
  const std::string ten = "[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]";
  const std::string yaml =
      "sweep: s\ndataset: mnist\nmodel: lenet-5\ntrain: {lr: 0.1, epochs: 1}\n"
      "prune: {method: magnitude, sparsity: 0.5}\nretrain: {finetune: {epochs: " +
      ten + ", lr: " + ten + ", momentum: " + ten + ", weight_decay: " + ten + ", batch_size: " + ten +
      ", warmup: " + ten + "}}\n";
  EXPECT_THAT(problems(yaml), ElementsAre("s.yaml:6:10: retrain: has more than 10000 values"));
}

TEST(ReadYaml, what_is_not_utf8_says_where) {
  EXPECT_THAT(problems("sweep: s\ndataset: m\xff\n"), ElementsAre("s.yaml:2:11: is not UTF-8, the encoding of sweeps"));
  EXPECT_THAT(problems("\xfe\xff"), ElementsAre("s.yaml:1:1: is not UTF-8, the encoding of sweeps"));
}

TEST(ReadYaml, paths_hold_no_control_characters) {
  const std::string rest = "\nmodel: lenet-5\ntrain: {lr: 0.1, epochs: 1}\n";
  EXPECT_THAT(problems("sweep: s\ndataset: {tensors: \"good.safetensors\\0.pt\"}" + rest),
              testing::Contains(HasSubstr("a text of 1 to 1000 bytes without control characters")));
  EXPECT_THAT(problems("sweep: s\ndataset: mnist\nmodel: {torchscript: \"a\\nb\"}\ntrain: {lr: 0.1, epochs: 1}\n"),
              testing::Contains(HasSubstr("a text of 1 to 1000 bytes without control characters")));
}

TEST(ReadYaml, what_is_not_yaml_says_where) {
  EXPECT_THAT(problems("sweep: s\ntrain: {lr: 0.1\n"), ElementsAre(HasSubstr("s.yaml:3:1: is not YAML: ")));
  EXPECT_THAT(problems("sweep: s\n\tmodel: x\n"), ElementsAre(HasSubstr("is not YAML")));
  EXPECT_THAT(problems("sweep: s\n---\nsweep: t\n"),
              ElementsAre("s.yaml:2:1: a sweep is one YAML document; this starts a second one"));
  EXPECT_THAT(problems("sweep: !!python/object x\n"), ElementsAre(HasSubstr("tags are not used in sweeps")));
  EXPECT_THAT(problems("[1, 2]: x\n"), ElementsAre(HasSubstr("a key is one word")));
  EXPECT_THAT(problems(std::string("sweep: \0\1\xff", 10)), testing::Not(testing::IsEmpty()));
  EXPECT_THAT(problems(""), testing::Not(testing::IsEmpty()));
  EXPECT_THAT(problems("just a text"),
              testing::Contains("s.yaml:1:1: expected a map of keys, found the text \"just a text\""));
}

TEST(ReadYaml, a_key_given_twice_is_a_problem) {
  const auto found =
      problems("sweep: s\nmodel: lenet-5\ndataset: mnist\nmodel: lenet-300-100\ntrain: {lr: 0.1, epochs: 1, lr: 1}\n");
  EXPECT_THAT(found, ElementsAre("s.yaml:4:1: model: is given twice; keep one of them",
                                 "s.yaml:5:29: train.lr: is given twice; keep one of them"));
}

}  // namespace
}  // namespace espalier
