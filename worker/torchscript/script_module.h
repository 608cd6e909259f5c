#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

namespace c10 {
struct IValue;
}

namespace espalier {

/// A tensor that a TorchScript module holds.
struct ScriptTensor {
  enum class Kind {
    weight,     ///< of a Linear or Conv2d that is trained: can be pruned
    parameter,  ///< any other that is trained
    buffer      ///< what is not: buffers, tensors that are plain attributes, parameters without requires_grad
  };
  std::string name;  ///< "features.0.weight"; one that ends in ".mask" has ".value" appended (masks are called so)
  Kind kind = Kind::buffer;
  at::Tensor tensor;  ///< the module's own memory
};

/// A Linear or Conv2d whose weight cannot be pruned, as it is no parameter, or none that is trained.
struct ScriptLeftOut {
  std::string layer;   ///< "features.0"
  std::string reason;  ///< "its weight has requires_grad=False"
};

/// Called for each use of a weight, in the order of computation, between `input` going in and `output` coming out.
using LayerUse =
    std::function<void(const std::string& layer, const at::Tensor& input, const std::optional<at::Tensor>& output)>;

/// A module that Python scripted or traced, and saved. Its layers are known by their classes' names: a class called
/// Linear or Conv2d (or something that ends so) with a weight of two or four dimensions. The code in the file runs when
/// it is called: a TorchScript file is a program, to be trusted like one. Not thread-safe.
class ScriptModule {
 public:
  /// Reads at most 16 GB, once. `content`: the SHA-256 that the file must have, checked before any of its code can
  /// run;
  /// "" for whatever it holds. Errors: ErrorKind::invalid_input for another file; ErrorKind::invalid_input if there is
  /// no such file, it is no TorchScript file, has no Linear or Conv2d weight, or tensors of types that are not stored
  /// (parameters are float32).
  ScriptModule(const std::filesystem::path& path, c10::Device device, const std::string& content = "");
  ~ScriptModule();
  ScriptModule(ScriptModule&&) noexcept;

  /// SHA-256 of the file, hex.
  const std::string& content() const;
  /// In the module's order: parameters, then buffers. What is there under two names is one tensor, under the name of a
  /// Linear or Conv2d if one has it.
  const std::vector<ScriptTensor>& tensors() const;

  /// In the module's order.
  const std::vector<ScriptLeftOut>& left_out() const;

  /// Whether it has a module of this name, with no module inside.
  bool has_leaf(const std::string& module) const;

  /// Puts `tensor` in the place of one of tensors(), under all its names. Same shape.
  void place(std::size_t index, const at::Tensor& tensor);
  /// What code of the module put into a buffer's place is copied into the buffer, which goes back.
  void settle_buffers();

  /// Examples go in as they are from now on: see ModelFile::keeps_shape.
  void keep_shape();
  /// These of its modules ("features.1.dropout"; "" is the whole), but not those inside them, evaluate in training mode
  /// too from now on. Those that are not there or know no modes are left out.
  void keep_evaluating(std::set<std::string> modules);

  /// Drawing modules (dropout) are in training mode if `train`. [N, ...] -> what the module gives. Graphs are run as
  /// written: an optimizer that watches the first runs would make the numbers depend on how many there were.
  /// Errors: ErrorKind::invalid_input with the module's own complaint; ErrorKind::exhausted without memory.
  at::Tensor forward(const at::Tensor& input, bool train, const LayerUse* use = nullptr);
  /// The same of whatever it gives: a tensor, or a tuple or dictionary of them.
  c10::IValue run(const at::Tensor& input, bool train);

  /// Writes it as a TorchScript file, in the mode in which it came. Errors: ErrorKind::invalid_input.
  void save(const std::filesystem::path& path) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Errors: ErrorKind::invalid_input, `where` being the module's file, unless `output` has a floating-point number for
/// each class of each of so many examples: [examples, classes].
void require_logits(const at::Tensor& output, std::int64_t examples, std::int64_t classes, bool train,
                    const std::string& where);

/// [3, 10] -> "3x10".
std::string shape_text(c10::IntArrayRef shape);

/// Examples as a module takes them: [N, C, H, W], or [N, F] where the dataset's are rows of numbers, {1, 1, F}, unless
/// they keep their shape.
at::Tensor script_input(const at::Tensor& examples, bool keeps_shape);

}  // namespace espalier
