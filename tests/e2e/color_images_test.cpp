// Convolutional networks with norms, augmentation, structures and a schedule inside the training, disturbed: the same
// bits.
#include <signal.h>

#include "base/random.h"
#include "experiments/formats/safetensors.h"
#include "tests/e2e/sweep_case.h"

namespace espalier {
namespace {

constexpr std::int64_t kExamples = 320, kSide = 16;

class ColorImages : public SweepCase {
 protected:
  /// Three classes of 3 x 16 x 16 images: noise with one channel brighter than the others.
  std::string images() {
    RandomStream random(1, "images");
    std::string pixels, labels;
    for (std::int64_t example = 0; example < kExamples; ++example) {
      labels.push_back(static_cast<char>(example % 3));
      for (std::int64_t channel = 0; channel < 3; ++channel) {
        const double brightness = channel == example % 3 ? 90 : 0;
        for (std::int64_t pixel = 0; pixel < kSide * kSide; ++pixel)
          pixels.push_back(static_cast<char>(static_cast<unsigned char>(brightness + 160 * random.uniform())));
      }
    }
    return write("images.safetensors", to_safetensors({{},
                                                       {{"x", TensorType::u8, {kExamples, 3, kSide, kSide}, pixels},
                                                        {"y", TensorType::u8, {kExamples}, labels}}}));
  }

  std::string sweep() {
    return write(
        "color.yaml",
        "sweep: color\n"
        "dataset: {tensors: " +
            images() +
            ", validation: 32}\n"
            "model: [conv-2, resnet-20]\n"
            "seeds: 1\n"
            "train: {optimizer: sgd, lr: 0.02, momentum: 0.9, batch_size: 32, steps: 24it, augment: crop_flip}\n"
            "prune:\n"
            "  method: [magnitude, snip]\n"
            "  sparsity: 0.5\n"
            "  granularity: [weight, channel]\n"
            "  schedule: [one_shot, {cubic: {start: 6it, end: 18it, every: 4it}}]\n"
            "retrain: {finetune: {steps: 8it, lr: 0.002}}\n"
            "controls: [random, shuffle]\n");
  }

  std::vector<std::string> command(const std::string& name) {
    return {"run", sweep(), "--store", store(name), "--workers", "2", "--checkpoint-every", "1", "--quiet"};
  }
};

TEST_F(ColorImages, StoppedAndResumedIsAsIfNeverStopped) {
  const ProgramEnd whole = espalier(command("undisturbed"));
  ASSERT_EQ(whole.exit_code, 0) << whole.out << whole.err;
  const nlohmann::json undisturbed = results_of(store("undisturbed"));
  ASSERT_GT(undisturbed.size(), 20U);
  int interruptions = 0;
  for (const std::size_t results : {1, 6, 12, 18}) {
    Program program(espalier_command(command("disturbed")));
    wait_for_results(store("disturbed"), results, program);
    program.signal(SIGINT);
    const ProgramEnd end = program.wait();
    if (end.exit_code == 0) break;
    ASSERT_EQ(end.exit_code, 130) << end.out << end.err;
    ++interruptions;
  }
  EXPECT_GT(interruptions, 0) << "the sweep was over before it could be interrupted";
  const ProgramEnd rest = espalier(command("disturbed"));
  ASSERT_EQ(rest.exit_code, 0) << rest.out << rest.err;
  EXPECT_EQ(results_of(store("disturbed")), undisturbed);
}

}  // namespace
}  // namespace espalier
