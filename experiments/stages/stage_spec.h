#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/stages/stage.h"

namespace espalier {

// The specs of each kind of stage, with every default resolved: all counts are numbers, nothing is relative. These
// structs are the contract between expansion (which writes them) and the worker (which runs them); their canonical JSON
// is part of the stage's key, so a field added later is left out of the JSON while it has its default.

class OperatorGraph;

/// What is known of a file that holds a network without running it: the worker inspected it once
/// (worker/imports). It is a graph with its tensors (experiments/models/network_file.h), or a TorchScript module that
/// could not be one: a black box, which computes what it will.
/// The file's path is given beside the spec: the same bytes elsewhere are the same model.
struct ModelFile {
  struct Layer {
    std::string name;                 ///< "features.0"; its parameter is "features.0.weight"
    std::vector<std::int64_t> shape;  ///< of the weight: [out, in], or [out, in / groups, kernel, kernel]
    bool bias = false;
    bool is_output = false;  ///< its outputs are the logits
    std::int64_t madds = 0;  ///< multiply-adds of one example; 0 for a layer that the forward pass leaves out
    bool operator==(const Layer&) const = default;
  };
  std::string content;          ///< SHA-256 of the file, hex
  std::int64_t parameters = 0;  ///< all that are trained
  std::vector<Layer> layers;    ///< Linear and Conv2d, in the module's order; none of a graph
  bool is_graph = false;        ///< a graph with its tensors
  bool keeps_shape = false;     ///< takes examples {1, 1, F}, {1, F, 1} or {F, 1, 1} so, and not as rows of F numbers

  // From the file's inspection. Not part of a model's identity, and not in its JSON.
  std::shared_ptr<const OperatorGraph> graph = {};  ///< of a graph, where it was read
  std::vector<std::string> remarks = {};            ///< what it does otherwise than one would think, for warnings
  std::string lone_example = {};                    ///< why it cannot be trained on a batch of one example; "": it can
  bool batch_norm = false;                          ///< some batch norm of it uses the statistics of the batch
  std::string obstacle = {};                        ///< why a TorchScript module is no graph; "" of a graph

  bool operator==(const ModelFile& other) const { return content == other.content && keeps_shape == other.keeps_shape; }
};

struct ModelSpec {
  std::string name;  ///< a name of catalog/models.def; for a file its format and its first digits, "onnx-3fa1c09b77d2"
  std::array<std::int64_t, 3> input{};  ///< channels, height, width of one example
  std::int64_t classes = 0;
  std::optional<ModelFile> file = {};  ///< where the model is a file
  bool operator==(const ModelSpec&) const = default;
};

/// DatasetSpec::example of sequences of tokens.
inline constexpr const char* kTokenExamples = "tokens";

struct DatasetSpec {
  std::string name;             ///< a name of catalog/datasets.def
  std::string content;          ///< identifies the bytes: a hash of the files, or of the generator's parameters
  std::int64_t train = 0;       ///< examples trained on (validation taken off)
  std::int64_t validation = 0;  ///< examples held out of the training files: the last ones
  std::int64_t test = 0;
  std::array<std::int64_t, 3> shape{};  ///< of an example: channels, height, width; of tokens 1, 1 and their number
  std::int64_t classes = 0;
  std::uint64_t generator_seed = 0;  ///< of generated datasets only (glyphs)

  std::string example = {};  ///< what one is: "" an image, or a row of numbers; kTokenExamples

  // From reading the files. Not part of a dataset's identity, and not in its JSON.
  bool keeps_shape = false;  ///< its examples are [C, H, W] in the file, though at most one of the three is above 1
  std::vector<std::string> remarks = {};  ///< what makes it measure little, for warnings
  bool operator==(const DatasetSpec&) const = default;
};

struct InitSpec {
  ModelSpec model;
  std::string scheme;  ///< a name of catalog/inits.def (of weights; biases start at zero)
  std::string stream;  ///< "init", or "reinit" for a fresh draw of the same seed
};

struct OptimizerSpec {
  std::string name;  ///< "sgd" or "adam"
  double lr = 0;
  double momentum = 0;      ///< sgd
  bool nesterov = false;    ///< sgd
  double weight_decay = 0;  ///< L2, added to the gradient
  double beta1 = 0.9;       ///< adam
  double beta2 = 0.999;     ///< adam
  double epsilon = 1e-8;    ///< adam
  bool operator==(const OptimizerSpec&) const = default;
};

/// lr(step) = base * warmup(step) * shape(step), for the 0-based step about to be taken:
/// warmup = min(1, (step + 1) / warmup_steps); constant: 1; step: gamma^(milestones <= step);
/// cosine: (1 + cos(pi * step / total_steps)) / 2 (Loshchilov & Hutter 2017, arXiv:1608.03983, without restarts).
struct LrScheduleSpec {
  std::string shape = "constant";  ///< "constant", "step" or "cosine"
  std::vector<std::int64_t> milestones;
  double gamma = 0.1;
  std::int64_t warmup_steps = 0;
  std::int64_t total_steps = 0;  ///< cosine only; 0 otherwise, so that a longer constant run shares its beginning
  bool operator==(const LrScheduleSpec&) const = default;
};

/// What to keep, as exact counts made by expansion from sparsity, schedule and allocation. Counts are of units:
/// weights, or what the granularity removes together (experiments/catalog/granularity.h); scopes are those of
/// prune_scopes().
struct PruneTarget {
  std::int64_t total_kept = 0;                ///< over all scopes
  std::vector<std::int64_t> layer_kept = {};  ///< per scope; empty: what rankings of several scopes leave each
  std::vector<std::int64_t> layer_least =
      {};                                     ///< of a global ranking: at least this many stay in each; empty: no bound
  std::vector<std::int64_t> layer_most = {};  ///< of a global ranking: at most this many; empty: no bound
  std::vector<std::int64_t> layer_ranking = {};   ///< per scope: which ranking it competes in; empty: all in one
  std::vector<std::int64_t> ranking_kept = {};    ///< of each of these rankings, adding up to total_kept
  std::vector<std::int64_t> layer_multiple = {};  ///< per scope of rankings: it keeps a multiple of this, or all that
                                                  ///< it has (experiments/pruning/aligned_counts.h); empty: any number
  bool operator==(const PruneTarget&) const = default;
};

/// A draw of random masks that knows nothing but the seed: masks of fewer weights are part of those of more.
inline constexpr const char* kSharedDraw = "shared";

/// How weights are scored and chosen, whatever the network and the numbers.
struct PruneRule {
  std::string criterion;               ///< a name of catalog/criteria.def
  std::string granularity = "weight";  ///< canonical text of experiments/catalog/granularity.h
  std::int64_t batches = 0;            ///< of data for the criterion; 0 if it needs none
  std::int64_t batch_size = 0;
  std::map<std::string, double> options = {};  ///< of the criterion, where they differ from its defaults
  std::string ranking = {};               ///< how scores are compared: "" as they are, "lamp", "normalized", "per_row"
  std::vector<std::string> protect = {};  ///< layers left alone, in the model's order; they have no scope
  std::string ties = {};      ///< "" the first of equals stay, "drop", "keep", "last" (worker/selection/selection.h)
  bool revive = false;        ///< weights removed earlier compete again
  bool refuse_empty = false;  ///< an emptied layer is a failure, not a warning
  std::int64_t epoch = 1;     ///< of experiments/stages/case_epoch.h
  std::string norms = {};     ///< of batch norms while scoring: "" the statistics they have kept, "batch" the batch's
  bool operator==(const PruneRule&) const = default;
};

/// How a pruned network is computed: "" with its masks; kShrunk: without the channels, heads and blocks that the masks
/// remove as a whole. The tensors that a stage leaves are the whole network's either way; sums are in another order.
inline constexpr const char* kShrunk = "shrunk";

struct PruneSpec : PruneRule {
  ModelSpec model = {};
  PruneTarget target = {};
  std::optional<DatasetSpec> dataset = {};  ///< only if the criterion needs data
  std::string draw =
      {};  ///< of a criterion that draws its scores: which of the seed's draws (experiments/graph/mask_draws.h),
           ///< kSharedDraw, or "", the same numbers as of kSharedDraw, of earlier versions
  std::string compute = {};  ///< how the network is computed that masks came in for: "" or kShrunk
  bool operator==(const PruneSpec&) const = default;
};

/// Pruning inside a training: just before step first_step + i * every, the weights are scored and masks for targets[i]
/// made. Zhu & Gupta 2017, arXiv:1710.01878. With `revive` off, as usual, what is gone stays gone.
struct GradualSpec {
  PruneSpec prune;  ///< `model` and `target` are not used: they are the training's and `targets`
  std::int64_t first_step = 0;
  std::int64_t every = 0;
  std::vector<PruneTarget> targets;
};

/// What makes a network sparse while it trains, but for a schedule of prunes (GradualSpec).
struct SparsifySpec {
  std::string name;                            ///< of catalog/sparsifiers.def
  std::map<std::string, double> options = {};  ///< where they differ from its defaults
};

/// Runs optimizer steps start_step .. end_step - 1 of a trajectory that begins at start_step with the input weights and
/// a fresh optimizer. The key names the state after end_step whatever the cuts before it: start_step is where the
/// trajectory begins (0, or the rewind point), not where one piece of the work does.
struct TrainSpec {
  static constexpr std::int64_t kMostRanks = 1024;

  ModelSpec model;
  DatasetSpec dataset;
  OptimizerSpec optimizer;
  LrScheduleSpec lr_schedule;
  std::int64_t batch_size = 0;
  std::int64_t start_step = 0;
  std::int64_t end_step = 0;
  std::int64_t eval_every =
      0;  ///< steps between evaluations on the validation set, on the grid of multiples; default an epoch
  std::int64_t phase = 0;    ///< 0: the data order of the dense run; r: that of the r-th retraining
  std::string augment = {};  ///< "" none, "crop_flip": pad by 4, crop at random, flip with probability 1/2
  std::optional<GradualSpec> gradual = {};  ///< with it, the stage leaves masks beside the weights
  std::int64_t ranks = 1;                   ///< that share every batch; another number sums floats in another order
  std::optional<SparsifySpec> sparsify = {};
  std::string compute = {};
};

struct ShuffleSpec {
  ModelSpec model;
  std::string granularity = "weight";  ///< what moves as one
  bool across_layers = false;          ///< false: within each scope, whose count stays
  std::vector<std::string> protect = {};
  std::int64_t epoch = 1;    ///< of experiments/stages/case_epoch.h
  bool equal_sizes = false;  ///< across layers, among units of as many weights
  std::string draw = {};     ///< which of the seed's permutations, as PruneSpec::draw
};

/// Instead of the units that the masks remove, the same share of every scope's leaves (experiments/pruning/
/// uniform_width.h), and what stays is drawn afresh as a network of those widths is.
struct NarrowSpec {
  ModelSpec model;
  std::string granularity;  ///< of the method: "channel l2", "head l2" or "layer l2"; its reduction says nothing
  std::string scheme;       ///< as InitSpec; the stream is that of the dense network's weights
  std::int64_t align = 1;   ///< of the counts that stay
  std::vector<std::string> protect = {};
};

/// Prunes each scope alone to each sparsity, all else dense, and measures the loss.
struct SensitivitySpec {
  PruneSpec prune;                 ///< `target` is not used; `dataset`, `batches` and `batch_size` measure the loss too
  std::vector<double> sparsities;  ///< fractions of the scope's units removed, rising
};

/// What is put right after a cut, by the uncut network on calibration data: one of the two, or the weights and then the
/// statistics.
struct RepairRule {
  bool refit = false;        ///< of layers that read what left (worker/pruning/refit.h)
  bool bn_stats = false;     ///< running statistics of batch norms (worker/pruning/norm_statistics.h)
  std::int64_t batches = 0;  ///< of training data
  std::int64_t batch_size = 0;
  double damping = 0;  ///< of a refit: a part of the mean diagonal
  bool operator==(const RepairRule&) const = default;
};

struct RepairSpec : RepairRule {
  ModelSpec model;
  DatasetSpec dataset;
};

struct EvaluateSpec {
  ModelSpec model;
  DatasetSpec dataset;
  std::string compute = {};
};

/// Times the network without what was removed, the dense one, and one of the same shape with random weights
/// (worker/latency/latency.h).
struct LatencySpec {
  ModelSpec model;
  std::vector<std::int64_t> batch_sizes;
  std::int64_t threads = 1;
  double time_limit_s = 60;  ///< for each batch size
  std::string device = {};   ///< "" that of the rank, "cpu" or "cuda"

  static constexpr std::int64_t kMostThreads = 1024;
};

struct NoopSpec {
  std::int64_t index = 0;
};

/// Canonical JSON: keys sorted, no white space, numbers in their shortest exact form. `Spec` is the spec of a kind of
/// stage, or ModelFile: what the worker says of a file.
template <typename Spec>
std::string canonical_json(const Spec& spec);

/// The way back, for the worker. Errors: ErrorKind::invalid_input naming the field that is missing, of another type, or
/// out of range (counts are non-negative, sizes bounded).
template <typename Spec>
Spec parse_spec(std::string_view json);

/// What a stage reads besides other stages' artifacts.
struct StageReads {
  std::vector<DatasetSpec> datasets;
  std::optional<ModelFile> file;  ///< of its model
};
/// By the spec of a stage. Errors: those of parse_spec.
StageReads reads_of(StageKind kind, std::string_view spec);

}  // namespace espalier
