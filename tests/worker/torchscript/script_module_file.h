#pragma once

#include <filesystem>
#include <string>

namespace espalier {

/// Writes a TorchScript module for images of 1x28x28 and 10 classes, made without Python: conv (4 filters of 3x3,
/// padded), ReLU, pooling by 4, dropout 0.25, a linear layer without bias to 12, a trained scale of one number, a
/// linear layer with bias; a buffer that counts its training passes in place, an integer attribute that is replaced in
/// each, and a buffer called "mask".
void write_script_module(const std::filesystem::path& path);
/// The same network; its code prints kLoudWords when it is loaded, and whenever it is run.
void write_loud_script_module(const std::filesystem::path& path);
inline constexpr const char* kLoudWords = "the module's own code ran";
/// The same network, which looks at the numbers of its examples before it goes on: no graph describes it.
void write_looking_script_module(const std::filesystem::path& path);

/// The same without any Linear or Conv2d.
void write_script_without_layers(const std::filesystem::path& path);

/// For rows of 8 numbers and 2 classes: fc1 to 16 and fc2, of class Linear and with biases. `forward` is the body of
/// forward(self, x), each line with two blanks before it; it has the buffers mean (zeros [16]) and variance (ones), and
/// an attribute seen (zeros [2, 16]). `more`: another method.
void write_rows_module(const std::filesystem::path& path, const std::string& forward, const std::string& more = "");
/// One Linear whose weights are NaN.
void write_broken_rows_module(const std::filesystem::path& path);

/// What a Linear has in the place of its weight.
enum class Reparameterized { no, frozen, buffer, weight_norm, pruned, spectral_norm, parametrized, noisy };
/// For rows of 8 numbers and 2 classes: fc1 to 16 and fc2.
void write_reparameterized_module(const std::filesystem::path& path, Reparameterized fc1, Reparameterized fc2);

/// What a module does to the rank that trains it. In evaluation mode, and on the three examples of a look, it is one
/// linear layer and harmless. No graph describes it.
enum class Poison {
  hangs,         ///< never comes back
  fills_memory,  ///< keeps tensors without end, 64 MB each, on the device of its input
  crashes        ///< nests a value so deeply that its destruction overflows the stack: SIGSEGV
};
void write_poison(const std::filesystem::path& path, Poison poison);

}  // namespace espalier
