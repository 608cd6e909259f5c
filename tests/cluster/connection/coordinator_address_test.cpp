#include "cluster/connection/coordinator_address.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "cluster/auth/authentication.h"
#include "cluster/auth/token.h"
#include "tests/cluster/auth/store_folder.h"

namespace espalier {
namespace {

TEST(CoordinatorAddress, HostsAndPorts) {
  const auto expect = [](const std::string& text, const std::string& host, int port) {
    const HostAndPort at = parse_host_and_port(text);
    EXPECT_EQ(at.host, host);
    EXPECT_EQ(at.port, port);
    EXPECT_EQ((CoordinatorAddress{host, port, Role::pool, "", {}, ""}.place()), text);
  };
  expect("node7:7070", "node7", 7070);
  expect("10.1.2.3:1", "10.1.2.3", 1);
  expect("[fd00::7]:65535", "fd00::7", 65535);
}

TEST(CoordinatorAddress, WhatIsNoHostAndPort) {
  for (const char* text : {"", "node7", "node7:", ":7070", "node7:0", "node7:65536", "node7:70x", "node7:-1",
                           "fd00::7:7070", "[fd00::7]", "[]:7070", "[fd00::7:7070", "node7: 7070"}) {
    EXPECT_THROW(parse_host_and_port(text), Error) << text;
  }
}

TEST(CoordinatorAddress, IsInTheStoreOrInAToken) {
  const StoreFolder folder;
  const CoordinatorSource store = CoordinatorSource::in_store(folder.paths().root);
  EXPECT_TRUE(store.is_gone());
  EXPECT_THROW(store.look_up(Role::pool), Error);
  const std::string secret = load_or_create_secret(folder.paths().secret());
  write_connection_file(folder.paths().connection(), {"10.0.0.9", 7070, 1, sha256("certificate")});
  EXPECT_FALSE(store.is_gone());
  EXPECT_EQ(store.look_up(Role::pool).place(), "10.0.0.9:7070");
  for (const Role role : {Role::pool, Role::client, Role::reader}) {
    EXPECT_EQ(store.look_up(role).role, role);
    EXPECT_EQ(store.look_up(role).key, key_of(secret, role));
    EXPECT_NE(store.look_up(role).key, secret);
  }
  EXPECT_EQ(store.look_up(Role::pool).certificate, sha256("certificate"));

  const CoordinatorSource token = CoordinatorSource::with_token({"fd00::7", 7071}, folder / "token");
  EXPECT_TRUE(token.is_gone());
  write_file_atomically(folder / "token", to_text({Role::pool, std::string(32, 's'), sha256("certificate")}), 0600);
  EXPECT_FALSE(token.is_gone());
  EXPECT_EQ(token.look_up(Role::pool).place(), "[fd00::7]:7071");
  EXPECT_EQ(token.look_up(Role::pool).key, std::string(32, 's'));
  EXPECT_EQ(token.look_up(Role::pool).certificate, sha256("certificate"));
  EXPECT_THROW(token.look_up(Role::client), Error);
  EXPECT_THROW(token.look_up(Role::reader), Error);

  write_file_atomically(folder / "token", to_text({Role::reader, std::string(32, 's'), {}}), 0600);
  EXPECT_EQ(token.look_up(Role::client).role, Role::reader);
  EXPECT_THROW(token.look_up(Role::pool), Error);
}

}  // namespace
}  // namespace espalier
