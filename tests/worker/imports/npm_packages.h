#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace espalier {

/// The folder in the build's that has the packages of npm_networks/package-lock.json, fetched once from
/// https://registry.npmjs.org; "" if that failed. npm.log there says why.
std::filesystem::path npm_packages();

/// Runs a program of JavaScript with them and these words, each quoted; its exit code. What it says goes to `log`.
int run_node(const std::filesystem::path& program, const std::vector<std::string>& words,
             const std::filesystem::path& log);

/// Has onnxruntime compute files for examples of these sizes, "FILE:2x3x32x32": npm_networks/outputs.js.
int run_onnxruntime(const std::vector<std::string>& files, const std::filesystem::path& to,
                    const std::filesystem::path& log);

}  // namespace espalier
