#pragma once

#include <string>

namespace espalier {

/// The environment that says which GPUs a process was given; "" for unset variables.
struct GpuSurroundings {
  std::string visible;     ///< CUDA_VISIBLE_DEVICES: of the machine's GPUs those that the process numbers from 0
  std::string allocation;  ///< the batch job's id: a scheduler may number each job's GPUs from 0, and shares none
};
GpuSurroundings gpu_surroundings();

/// A name for the process's GPU of that number. On one host two names are equal if the GPUs are, as far as is known:
/// "cuda:2", "cuda:0 of job 17", or the GPU's own ("GPU-...").
std::string gpu_name(int number, const GpuSurroundings& surroundings);

}  // namespace espalier
