#include "worker/training/gang_gradients.h"

#include <string>

#include <ATen/core/grad_mode.h>

#include "base/error.h"

namespace espalier {
namespace {

constexpr std::int64_t kBucketValues = (1 << 20) / sizeof(float);

}  // namespace

GangGradients::GangGradients(Gang& gang, Network& network) : gang_(gang), network_(network) {
  fill_buckets();
  const std::vector<Parameter>& parameters = network_.named();
  seen_.resize(parameters.size());
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    hooks_.push_back(
        parameters[i].leaf.register_hook([this, i](const at::TensorBase& gradient) { on_gradient(i, gradient); }));
  }
}

GangGradients::~GangGradients() {
  for (std::size_t i = 0; i < hooks_.size(); ++i) network_.named()[i].leaf.remove_hook(hooks_[i]);
}

void GangGradients::fill_buckets() {
  const std::vector<Parameter>& parameters = network_.named();
  bucket_of_.resize(parameters.size());
  std::int64_t end = network_.gradients().numel();
  for (std::size_t i = parameters.size(); i-- > 0;) {
    const std::int64_t count = parameters[i].leaf.numel();
    if (buckets_.empty() || buckets_.back().count >= kBucketValues) buckets_.push_back({end, 0, 0, 0, {}, 0});
    end -= count;
    buckets_.back().first = end;
    buckets_.back().count += count;
    ++buckets_.back().parameters;
    bucket_of_[i] = buckets_.size() - 1;
  }
}

GangGradients::Pass GangGradients::loss_and_gradients(const Batch& slice, std::int64_t count, bool stop,
                                                      const Network::Penalty& penalty) {
  const at::AutoGradMode with_grad(true);
  const at::Tensor outputs = network_.forward(slice.inputs, {.mode = Mode::train, .gang = &gang_});
  const at::Tensor loss = network_.task().loss_of_part(outputs, slice.labels, count);
  const auto values = std::make_shared<std::vector<double>>(std::vector{loss.item<double>(), stop ? 1.0 : 0.0});
  const Gang::Ticket ticket = gang_.sum(std::shared_ptr<double>(values, values->data()), values->size());
  const at::Tensor added = penalty ? penalty() : at::Tensor();
  begin_pass();
  (added.defined() ? loss.add(added) : loss).backward();
  end_pass();
  gang_.wait(ticket);
  return {(*values)[0], (*values)[1] > 0};
}

void GangGradients::begin_pass() {
  for (Bucket& bucket : buckets_) bucket.missing = bucket.parameters;
  seen_.assign(seen_.size(), false);
  next_ = 0;
  in_pass_ = true;
}

void GangGradients::on_gradient(std::size_t parameter, const at::TensorBase& gradient) {
  if (!in_pass_) return;
  const at::NoGradGuard no_grad;
  network_.named()[parameter].gradient.copy_(at::Tensor(gradient));
  seen_[parameter] = true;
  --buckets_[bucket_of_[parameter]].missing;
  begin_sums();
}

void GangGradients::begin_sums() {
  for (; next_ < buckets_.size() && buckets_[next_].missing == 0; ++next_) {
    Bucket& bucket = buckets_[next_];
    bucket.sent = network_.gradients().narrow(0, bucket.first, bucket.count).to(at::kCPU);
    const auto owner = std::make_shared<at::Tensor>(bucket.sent);
    bucket.ticket =
        gang_.sum(std::shared_ptr<float>(owner, owner->data_ptr<float>()), static_cast<std::size_t>(bucket.count));
  }
}

void GangGradients::end_pass() {
  in_pass_ = false;
  const at::NoGradGuard no_grad;
  for (std::size_t i = 0; i < seen_.size(); ++i) {
    network_.named()[i].leaf.mutable_grad().reset();
    if (seen_[i]) continue;  // otherwise the loss does not depend on it
    network_.named()[i].gradient.zero_();
    --buckets_[bucket_of_[i]].missing;
  }
  begin_sums();
  for (Bucket& bucket : buckets_) {
    gang_.wait(bucket.ticket);
    const at::Tensor flat = network_.gradients().narrow(0, bucket.first, bucket.count);
    if (!flat.is_cpu()) flat.copy_(bucket.sent);
    bucket.sent.reset();
  }
  if (network_.pulse() != nullptr) network_.pulse()->beat();
}

}  // namespace espalier
