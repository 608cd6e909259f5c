#pragma once

#include <filesystem>
#include <string>

#include "experiments/stages/stage.h"

namespace espalier {

/// The layout of a store folder (`--store`).
struct StorePaths {
  std::filesystem::path root;

  std::filesystem::path database() const { return root / "espalier.db"; }
  std::filesystem::path artifacts() const { return root / "artifacts"; }
  std::filesystem::path artifact(const StageKey& key) const {
    const std::string hex = to_hex(key);
    return artifacts() / hex.substr(0, 2) / (hex + ".safetensors");
  }
  /// The training state that a later cut of the stage's trajectory resumes from.
  std::filesystem::path resume_state(const StageKey& key) const {
    const std::string hex = to_hex(key);
    return artifacts() / hex.substr(0, 2) / (hex + ".resume.safetensors");
  }
  std::filesystem::path checkpoints() const { return root / "checkpoints"; }
  std::filesystem::path checkpoint(const StageKey& key) const { return checkpoints() / (to_hex(key) + ".safetensors"); }
  /// Imported networks, called by the hash of what is in them (experiments/models/network_file.h).
  std::filesystem::path networks() const { return root / "networks"; }
  std::filesystem::path logs() const { return root / "logs"; }
  /// What its user says to every sweep run on it (experiments/parse/store_config.h); may be missing.
  std::filesystem::path config() const { return root / "config.yaml"; }
  /// Reports that pools could not deliver, until a coordinator takes them in.
  std::filesystem::path spool() const { return root / "spool"; }
  /// Locked for as long as the pool of that label, started by a coordinator of this store, runs; its text is the pid
  /// and when the process started.
  std::filesystem::path pool_lock(const std::string& label) const { return root / "pools" / (label + ".lock"); }
  /// What that pool proves to be itself with, mode 0600.
  std::filesystem::path pool_identity(const std::string& label) const { return root / "pools" / (label + ".identity"); }
  /// A fresh random text of each coordinator: a pool that reads the same here shares the store's folder with it.
  std::filesystem::path probe() const { return root / "pools" / "probe"; }
  /// What pools that do not share the folder have sent in part; emptied by the next coordinator.
  std::filesystem::path uploads() const { return root / "uploads"; }
  std::filesystem::path lock() const { return root / "coordinator.lock"; }
  /// What coordinator and pools prove to each other; mode 0600.
  std::filesystem::path secret() const { return root / "secret"; }
  /// What the coordinator shows off loopback, and the key that goes with it: PEM, mode 0600.
  std::filesystem::path certificate() const { return root / "certificate.pem"; }
  std::filesystem::path private_key() const { return root / "private_key.pem"; }
  /// Host, port, certificate and pid of the coordinator while it runs; mode 0600.
  std::filesystem::path connection() const { return root / "connection.json"; }
};

}  // namespace espalier
