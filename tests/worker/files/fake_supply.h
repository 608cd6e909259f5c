#pragma once

#include <filesystem>
#include <string>
#include <utility>

#include "worker/files/file_supply.h"

namespace espalier {

/// A cache of files whose coordinator is elsewhere: it has what bring() of a derived class says, and is sent nothing.
class FakeSupply : public FileSupply {
 public:
  explicit FakeSupply(std::filesystem::path folder) : folder_(std::move(folder)) {}
  StorePaths store() const override { return {folder_}; }
  bool is_elsewhere() const override { return true; }
  void begin(const StageKey&, const std::atomic<bool>& stop, Pulse*) override { stop_ = &stop; }
  std::string bring(const FileName& file) override { return is_here(file) ? "" : "nobody has it"; }
  std::filesystem::path place(const FileName& file) const override { return place_of(folder_, file); }
  void written(const FileName&, const StoredFile&, SendWhen) override {}
  bool is_sending(const StageKey&) const override { return false; }
  bool is_sending_anything() const override { return false; }

 protected:
  bool is_here(const FileName& file) const { return std::filesystem::exists(place(file)); }
  bool stopped() const { return *stop_; }

 private:
  const std::filesystem::path folder_;
  const std::atomic<bool>* stop_ = nullptr;
};

}  // namespace espalier
