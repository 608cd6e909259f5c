#include "cluster/auth/token.h"

#include <iostream>

#include <CLI/CLI.hpp>

#include "base/error.h"
#include "base/word_option.h"
#include "cluster/auth/authentication.h"
#include "cluster/auth/secret_file.h"
#include "cluster/connection/certificate.h"
#include "cluster/connection/credentials.h"
#include "experiments/paths/output_file.h"
#include "orchestrator/commands/commands.h"
#include "orchestrator/commands/message_stream.h"

namespace espalier {
namespace {

void refuse_missing(const StorePaths& store) {
  if (std::filesystem::is_directory(store.root)) return;
  throw Error(ErrorKind::invalid_input,
              store.root.string() + ": there is no such folder; name the store with --store, or run a sweep first");
}

/// The fingerprint is the certificate's own: a coordinator takes a moment to follow a rotation.
Token token_of(const StorePaths& store, Role role) {
  make_certificate_if_missing(store);
  return {role, key_of(load_or_create_secret(store.secret()), role), certificate_fingerprint(store)};
}

const char* worth_of(Role role) {
  switch (role) {
    case Role::pool:
      return "its holder may join as a pool, and so compute results of the sweeps that run; use it with: "
             "espalier-worker --connect HOST:PORT --token-file ";
    case Role::client:
      return "its holder may submit sweeps, which run TorchScript modules as you, and stop them; use it with: "
             "espalier ps --connect HOST:PORT --token-file ";
    case Role::reader:
      return "its holder may see what runs; use it with: espalier ps --connect HOST:PORT --token-file ";
  }
  return "";
}

void write_token(const StorePaths& store, const std::string& file, Role role, Overwrite overwrite) {
  refuse_missing(store);
  if (file != "-") {
    check_outputs({file}, {overwrite, store.root, {}});
    refuse_folder_of_others(file, "token");
  }
  const Token token = token_of(store, role);
  if (file == "-") {
    std::cout << to_text(token);
    return;
  }
  write_output(file, to_text(token), 0600);
  message_stream({file}) << file << ": certificate sha256 " << to_hex(token.certificate) << "\n"
                         << worth_of(role) << file << "\n";
}

void rotate(const StorePaths& store) {
  refuse_missing(store);
  rotate_credentials(store);
  std::cout << "every token written so far is worth nothing from now on; write new ones with: espalier token write "
               "FILE\n";
}

}  // namespace

void add_token_command(CLI::App& app, CommandLine& line) {
  CLI::App* command =
      app.add_subcommand("token", "Tokens for pools and clients that do not see the store: write, rotate");
  command->require_subcommand(1);
  CLI::App* write = command->add_subcommand("write", "Write a token file (mode 0600) to bring to where pools run");
  const auto file = std::make_shared<std::string>();
  write->add_option("FILE", *file, "The file to write; - prints it, with its secret")->required();
  write->add_option("--store", line.store, "Folder of the results")->capture_default_str();
  const auto role = std::make_shared<std::string>("pool");
  write
      ->add_option("--role", *role,
                   "What it permits: pool (compute), client (submit, stop, ...), read (status, pools, jobs)")
      ->check(word_option({"pool", "client", "read"}))
      ->capture_default_str();
  const auto force = std::make_shared<bool>(false);
  write->add_flag("--force", *force, "Replace the file if it is there");
  write->callback([file, role, force, &line] {
    write_token(StorePaths{line.store}, *file, parse_role(*role), *force ? Overwrite::allow : Overwrite::refuse);
  });
  CLI::App* anew =
      command->add_subcommand("rotate", "Make a new secret (and certificate): tokens written before are refused");
  anew->add_option("--store", line.store, "Folder of the results")->capture_default_str();
  anew->callback([&line] { rotate(StorePaths{line.store}); });
}

}  // namespace espalier
