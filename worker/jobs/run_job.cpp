#include "worker/jobs/run_job.h"

#include <algorithm>
#include <array>
#include <new>
#include <optional>
#include <string>
#include <utility>

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <c10/util/Exception.h>
#include <torch/cuda.h>

#include "base/error.h"
#include "worker/artifacts/damaged_input.h"
#include "worker/jobs/stage_context.h"
#include "worker/jobs/stages.h"
#include "worker/jobs/tensor_memory.h"
#include "worker/machine/blas_kernel.h"
#include "worker/machine/gpu_name.h"
#include "worker/machine/out_of_memory.h"
#include "worker/torchscript/torch_message.h"

namespace espalier {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::int64_t kCacheBytes = std::int64_t{256} << 20;

bool is_shared(const JobStage& stage) {
  return stage.kind == StageKind::train && parse_spec<TrainSpec>(stage.spec).ranks > 1;
}

StageFunction function_of(StageKind kind) {
  switch (kind) {
#define ESPALIER_STAGE_KIND(name, spec, properties) \
  case StageKind::name:                             \
    return run_##name##_stage;
#include "experiments/stages/stage_kinds.def"
#undef ESPALIER_STAGE_KIND
  }
  throw Error(ErrorKind::internal, "a stage has no kind");
}

/// The failure of every stage on a machine without the requested device; none if the device exists.
struct DeviceChoice {
  c10::Device device{c10::kCPU};
  std::optional<Failure> failure;
};

DeviceChoice choose_device(const std::string& name, int local_rank) {
  if (name == "cpu") return {};
  const bool has_cuda = at::hasCUDA();
  if (has_cuda && (name == "auto" || name == "cuda")) {
    const int gpus = std::max(1, static_cast<int>(torch::cuda::device_count()));
    return {c10::Device(c10::kCUDA, static_cast<c10::DeviceIndex>(local_rank % gpus)), {}};
  }
  if (name == "auto") return {};
  try {
    const c10::Device device(name);
    const bool is_there =
        device.is_cuda() && has_cuda && device.index() < static_cast<int>(torch::cuda::device_count());
    if (device.is_cpu() || is_there) return {device, {}};
  } catch (const std::exception&) {  // c10::Error, or std::out_of_range for "cuda:99999999999"
    return {c10::kCPU, Failure{ErrorKind::invalid_input,
                               "device: unknown \"" + name + "\" (one of auto, cpu, cuda, cuda:1, ...)"}};
  }
  return {c10::kCPU,
          Failure{ErrorKind::invalid_input, "device: this machine or this LibTorch has no \"" + name + "\""}};
}

/// The first two belong to the thread. Moments of weights that see no gradient decay into denormal numbers, which some
/// processors handle a hundred times slower. The others are for convolutions on a GPU: cuDNN's defaults add in an order
/// that differs from run to run, and round the factors of a product to 10 bits (TF32).
void prepare_thread() {
  at::set_num_threads(1);
  at::globalContext().setFlushDenormal(true);
  at::globalContext().setDeterministicCuDNN(true);
  at::globalContext().setAllowTF32CuDNN(false);
}

LossCause cause_of(ErrorKind kind) {
  if (kind == ErrorKind::exhausted) return LossCause::disk_full;  // memory has a type of its own
  return kind == ErrorKind::numeric ? LossCause::numeric : LossCause::error;
}

Failure describe_full_memory(MemoryKind memory, const std::string& message, const MemoryLimit& limit) {
  if (memory == MemoryKind::accelerator) {
    return {ErrorKind::exhausted,
            message + "; run fewer workers on this device, or make the network or its batches smaller",
            LossCause::oom_gpu};
  }
  return {ErrorKind::exhausted, message + "; " + limit.describe(), LossCause::oom_host};
}

/// The one place where LibTorch's exceptions become ours. Called while one is being handled.
Failure describe_current_exception(const MemoryLimit& limit) {
  try {
    throw;
  } catch (const OutOfMemory& error) {
    return describe_full_memory(error.memory(), error.what(), limit);
  } catch (const DamagedInput& error) {
    return {error.kind(), error.what(), LossCause::damaged_input, {error.key()}};
  } catch (const Error& error) {
    return {error.kind(), error.what(), cause_of(error.kind())};
  } catch (const c10::Error& error) {
    const std::string message = "LibTorch: " + torch_message(error.what());
    if (const auto memory = memory_that_ran_out(message)) return describe_full_memory(*memory, message, limit);
    return {ErrorKind::internal, message};
  } catch (const std::bad_alloc&) {
    return describe_full_memory(MemoryKind::host, "out of memory", limit);
  } catch (const std::exception& error) {
    const std::string message = torch_message(error.what());  // LibTorch's interpreter throws what is no c10::Error
    if (const auto memory = memory_that_ran_out(message)) return describe_full_memory(*memory, message, limit);
    return {ErrorKind::internal, message};
  } catch (...) {
    return {ErrorKind::internal, "an exception of no known type"};
  }
}

}  // namespace

struct JobRunner::Impl {
  explicit Impl(WorkerSettings given)
      : settings(std::move(given)),
        choice(choose_device(settings.device, settings.local_rank)),
        artifacts(settings.artifacts, settings.supply),
        checkpoints(settings.checkpoints, settings.supply),
        cache(kCacheBytes),
        datasets(settings.data, choice.device, settings.supply),
        // An accelerator's driver maps far more than it fills.
        memory(choice.device.is_cpu() ? settings.memory : MemoryAllowance{}) {
    allow(false);
  }

  WorkerSettings settings;
  DeviceChoice choice;
  ArtifactStore artifacts;
  CheckpointStore checkpoints;
  TensorCache cache;
  DatasetCache datasets;
  MemoryLimit memory;
  bool prepared = false;

  /// False: interrupted. Failures are in the outcome.
  bool run_stage(const JobStage& stage, const std::atomic<bool>& stop, const JobCallbacks& callbacks, Gang* gang,
                 StageOutcome& outcome) {
    const auto started = Clock::now();
    bool reached = true;
    try {
      if (gang != nullptr ? any(*gang, stop) : stop.load()) return false;
      const bool shared = gang != nullptr && is_shared(stage);
      if (gang != nullptr && !shared && !gang->leads()) return true;
      if (choice.failure) throw Error(choice.failure->kind, choice.failure->message);
      if (settings.supply != nullptr) settings.supply->begin(stage.key, stop, callbacks.pulse);
      if (!prepared && !has(stage.kind, StageProperty::no_tensors)) {
        prepare_thread();
        prepared = true;
      }
      reached = function_of(stage.kind)({stage, outcome.attempt, settings, choice.device, artifacts, checkpoints, cache,
                                         datasets, stop, callbacks, shared ? gang : nullptr},
                                        outcome);
      // A training ends early where all its members do; what the leader runs alone, only there.
      if (!reached && gang != nullptr && !shared) gang->give_up();
    } catch (const GangBroken& broken) {
      if (!broken.failure()) return false;
      outcome.failure = broken.failure();
    } catch (const StoppedWaiting&) {
      if (gang != nullptr) gang->give_up();
      reached = false;
    } catch (...) {
      outcome.failure = describe_current_exception(memory);
    }
    if (outcome.failure && budget_of(outcome.failure->cause) == Budget::memory) make_room();
    outcome.wall_s += std::chrono::duration<double>(Clock::now() - started).count();
    return reached;
  }

  /// From now on: the memory of a job that is alone, of which each of its ranks has a share, or the usual.
  void allow(bool alone, int ranks = 1) {
    memory.allow(alone, ranks);
    if (memory.tensor_bytes() > 0) limit_tensor_memory(memory.tensor_bytes());
  }

  /// Frees memory for the next job, of this rank and of those that share its device.
  void make_room() {
    cache.clear();
    return_freed_memory();
  }
};

JobRunner::JobRunner(WorkerSettings settings) : impl_(std::make_unique<Impl>(std::move(settings))) {
  keep_freed_memory();
  use_one_blas_thread();
}

JobRunner::~JobRunner() = default;

std::string gpu_of_device(const std::string& name, int local_rank) {
  const c10::Device device = choose_device(name, local_rank).device;
  return device.is_cuda() ? gpu_name(device.has_index() ? device.index() : 0, gpu_surroundings()) : "";
}

JobEnd JobRunner::run_job(const Job& job, const std::atomic<bool>& stop, const JobCallbacks& callbacks, bool alone,
                          Gang* gang) {
  if (!alone) return run_stages(job, stop, callbacks, gang);
  impl_->allow(true, gang != nullptr ? gang->size() : 1);
  const JobEnd end = run_stages(job, stop, callbacks, gang);
  impl_->make_room();
  impl_->allow(false);
  return end;
}

JobEnd JobRunner::run_stages(const Job& job, const std::atomic<bool>& stop, const JobCallbacks& callbacks, Gang* gang) {
  for (const JobStage& stage : job.stages) {
    if (callbacks.on_stage) callbacks.on_stage(stage);
    StageOutcome outcome;
    outcome.key = stage.key;
    outcome.attempt = job.attempt;
    if (!impl_->run_stage(stage, stop, callbacks, gang, outcome)) return JobEnd::interrupted;
    const bool failed = outcome.failure.has_value();
    if (callbacks.on_outcome) callbacks.on_outcome(std::move(outcome));
    if (failed) return JobEnd::failed;
  }
  return JobEnd::finished;
}

}  // namespace espalier
