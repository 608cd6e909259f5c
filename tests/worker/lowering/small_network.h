#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

namespace espalier {

/// A TorchScript module, made without Python. Tensors are small numbers that are all different.
class SmallNetwork {
 public:
  SmallNetwork();
  /// Modules of the classes Linear, Conv2d and BatchNorm2d, as PyTorch has them.
  SmallNetwork& linear(const std::string& name, std::int64_t in, std::int64_t out);
  SmallNetwork& conv(const std::string& name, std::int64_t in, std::int64_t out, std::int64_t kernel,
                     std::int64_t groups = 1);
  SmallNetwork& batch_norm(const std::string& name, std::int64_t channels);
  SmallNetwork& parameter(const std::string& name, const std::vector<std::int64_t>& shape);
  SmallNetwork& buffer(const std::string& name, const at::Tensor& value);
  /// With this body of forward(self, x), whose lines begin with two blanks. Once.
  void save(const std::filesystem::path& path, const std::string& forward);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;  // shared by copies, as torch's modules are
};

}  // namespace espalier
