#include "worker/jobs/tensor_cache.h"

#include <string>

#include <ATen/ops/full.h>
#include <gtest/gtest.h>

namespace espalier {
namespace {

StageKey key(const std::string& name) {
  return {sha256(name)};
}

/// Of 4 bytes an element.
NamedTensors tensors(std::int64_t elements, float value) {
  return {{"w", at::full({elements}, value, at::kFloat)}};
}

float first(const NamedTensors* found) {
  return found == nullptr ? -1 : found->front().second.flatten()[0].item<float>();
}

TEST(TensorCache, WhatWasNotUsedLongestGoesFirst) {
  TensorCache cache(1200);
  cache.insert(key("a"), tensors(100, 1));
  cache.insert(key("b"), tensors(100, 2));
  cache.insert(key("c"), tensors(100, 3));
  EXPECT_EQ(first(cache.find(key("a"))), 1);  // so b is the oldest
  cache.insert(key("d"), tensors(100, 4));
  EXPECT_EQ(cache.find(key("b")), nullptr);
  EXPECT_EQ(first(cache.find(key("a"))), 1);
  EXPECT_EQ(first(cache.find(key("c"))), 3);
  EXPECT_EQ(first(cache.find(key("d"))), 4);
}

TEST(TensorCache, ALargeOneTakesThePlaceOfSeveral) {
  TensorCache cache(1200);
  for (const char* name : {"a", "b", "c"}) cache.insert(key(name), tensors(100, 1));
  cache.insert(key("large"), tensors(200, 9));
  EXPECT_EQ(cache.find(key("a")), nullptr);
  EXPECT_EQ(cache.find(key("b")), nullptr);
  EXPECT_EQ(first(cache.find(key("c"))), 1);
  EXPECT_EQ(first(cache.find(key("large"))), 9);
}

TEST(TensorCache, OneThatCannotFitIsNotKept) {
  TensorCache cache(1200);
  cache.insert(key("large"), tensors(301, 1));
  EXPECT_EQ(cache.find(key("large")), nullptr);
  cache.insert(key("a"), tensors(300, 2));  // and counts no more
  EXPECT_EQ(first(cache.find(key("a"))), 2);
}

TEST(TensorCache, TheSameKeyAgainReplacesAndIsCountedOnce) {
  TensorCache cache(1200);
  cache.insert(key("a"), tensors(150, 1));
  cache.insert(key("a"), tensors(150, 2));
  cache.insert(key("b"), tensors(150, 3));
  EXPECT_EQ(first(cache.find(key("a"))), 2);
  EXPECT_EQ(first(cache.find(key("b"))), 3);
}

TEST(TensorCache, ClearingMakesRoomForAll) {
  TensorCache cache(1200);
  cache.insert(key("a"), tensors(300, 1));
  cache.clear();
  EXPECT_EQ(cache.find(key("a")), nullptr);
  cache.insert(key("b"), tensors(150, 2));
  cache.insert(key("c"), tensors(150, 3));
  EXPECT_EQ(first(cache.find(key("b"))), 2);
}

}  // namespace
}  // namespace espalier
