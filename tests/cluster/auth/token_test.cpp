#include "cluster/auth/token.h"

#include <sys/stat.h>

#include <gmock/gmock.h>

#include "base/error.h"
#include "base/files.h"
#include "tests/cluster/auth/store_folder.h"

namespace espalier {
namespace {

using testing::HasSubstr;
using testing::Not;

const std::string kTokenKey(32, '\x5a');

std::string token_refusal(const std::filesystem::path& file) {
  try {
    read_token_file(file);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::invalid_input);
    return error.what();
  }
  return "it was taken";
}

TEST(Token, IsOneLineOfText) {
  std::string hex;
  for (int i = 0; i < 32; ++i) hex += "5a";
  const Digest certificate = sha256("certificate");
  const std::string end = hex + ":" + to_hex(certificate) + "\n";
  EXPECT_EQ(to_text({Role::pool, kTokenKey, certificate}), "espalier2:pool:" + end);
  EXPECT_EQ(to_text({Role::client, kTokenKey, certificate}), "espalier2:client:" + end);
  EXPECT_EQ(to_text({Role::reader, kTokenKey, certificate}), "espalier2:read:" + end);
}

TEST(Token, ComesBackAsItWas) {
  for (const Role role : {Role::pool, Role::client, Role::reader}) {
    const Token back = parse_token(to_text({role, kTokenKey, sha256("certificate")}));
    EXPECT_EQ(back.role, role);
    EXPECT_EQ(back.key, kTokenKey);
    EXPECT_EQ(back.certificate, sha256("certificate"));
  }
}

TEST(Token, OneThatOthersCanReadIsRefusedWithWhatToRun) {
  const StoreFolder folder;
  write_file_atomically(folder / "token", to_text({Role::pool, kTokenKey, sha256("certificate")}), 0600);
  EXPECT_EQ(read_token_file(folder / "token").key, kTokenKey);
  for (const mode_t mode : {0644, 0640, 0604, 0620}) {
    ::chmod((folder / "token").c_str(), mode);
    EXPECT_THAT(token_refusal(folder / "token"), HasSubstr("run: chmod 600 " + (folder / "token").string()));
  }
}

TEST(Token, GarbageIsRefusedWithoutRepeatingIt) {
  const StoreFolder folder;
  const std::string good = to_text({Role::pool, kTokenKey, sha256("certificate")});
  for (const std::string& text :
       {std::string(), std::string("garbage"), "espalier1:" + std::string(64, 'a') + ":-",
        "espalier2:root:" + good.substr(15), good.substr(0, 60), good.substr(0, good.size() - 5), "x" + good,
        good + good, good.substr(0, 75) + "z" + good.substr(76), std::string(4096, '\0')}) {
    write_file_atomically(folder / "token", text, 0600);
    const std::string refusal = token_refusal(folder / "token");
    EXPECT_THAT(refusal, HasSubstr("is no token"));
    EXPECT_THAT(refusal, HasSubstr("espalier token write"));
    EXPECT_THAT(refusal, Not(HasSubstr("5a5a5a")));
  }
  write_file_atomically(folder / "token", std::string(5000, 'x'), 0600);
  EXPECT_THAT(token_refusal(folder / "token"), HasSubstr("more than"));
}

TEST(Token, AMissingOneIsNamed) {
  EXPECT_THAT(token_refusal("/nonexistent/token"), HasSubstr("/nonexistent/token"));
}

}  // namespace
}  // namespace espalier
