#include <csignal>
#include <fcntl.h>
#include <fstream>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <SQLiteCpp/SQLiteCpp.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "db/maintenance/store_backup.h"
#include "db/maintenance/store_check.h"
#include "db/read/store_reader.h"
#include "db/sqlite/network_filesystem.h"
#include "db/write/store.h"
#include "tests/db/sample_sweep.h"
#include "tests/needs.h"

namespace espalier {
namespace {

using testing::AllOf;
using testing::HasSubstr;

/// A store whose folder is said to lie on NFS.
class NetworkStore : public testing::Test {
 protected:
  StoreOptions on_nfs(bool allowed) const {
    StoreOptions options;
    options.allow_network_filesystem = allowed;
    options.network_filesystem_of = [this](const std::filesystem::path& folder) {
      EXPECT_TRUE(std::filesystem::exists(folder)) << folder;
      return std::string("NFS");
    };
    return options;
  }
  bool has(const char* ending) const { return std::filesystem::exists(paths_.database().string() + ending); }
  SweepId record(Store& store) const {
    return store.record_sweep(sample_.name, sample_.yaml, sample_.trials, sample_.graph);
  }

  TemporaryFolder folder_;
  std::filesystem::path root_ = folder_.path / "new" / "store";
  StorePaths paths_{root_};
  SampleSweep sample_ = make_sample_sweep(1);
};

TEST_F(NetworkStore, IsRefusedWithTheWaysOutAndNothingIsMade) {
  try {
    const Store store(root_, on_nfs(false));
    FAIL() << "it was opened";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::invalid_input);
    EXPECT_THAT(error.what(), AllOf(HasSubstr(root_.string()), HasSubstr("NFS"), HasSubstr("on a local disk"),
                                    HasSubstr("--allow-network-filesystem")));
  }
  EXPECT_FALSE(std::filesystem::exists(root_.parent_path()));
}

TEST_F(NetworkStore, OnceAllowedItIsWrittenWithoutALogAndReadMeanwhile) {
  Store store(root_, on_nfs(true));
  record(store);
  store.apply(finish_all(sample_.graph));
  EXPECT_FALSE(has("-wal"));
  EXPECT_FALSE(has("-shm"));
  EXPECT_EQ(StoreReader(root_).results().size(), 3U);
  EXPECT_EQ(check_store(root_).damages, 0);
  EXPECT_GT(back_up_store(root_, folder_.path / "backup.db", Overwrite::refuse), 0U);
  EXPECT_THROW(Store(root_, on_nfs(true)), Error);  // the lock is as ever
}

TEST_F(NetworkStore, AStoreMovesThereAndBack) {
  {
    Store store(root_);
    record(store);
    store.apply({finish(sample_.graph.stages[init])});
  }
  for (const bool on_network : {true, false, true}) {
    Store store(root_, on_network ? on_nfs(true) : StoreOptions());
    EXPECT_TRUE(store.done_stages(sample_.graph)[init]);
    EXPECT_EQ(has("-wal"), !on_network);
    EXPECT_EQ(StoreReader(root_).sweeps().size(), 1U);
  }
}

// The journal holds what a commit that was cut short had written over: until a writer puts it back, the file is half
// new.
TEST_F(NetworkStore, ACommitCutShortIsNotReadBeforeItIsUndone) {
  {
    Store store(root_, on_nfs(true));
    record(store);
  }
  const pid_t child = ::fork();
  if (child == 0) {
    SQLite::Database database(paths_.database().string(), SQLite::OPEN_READWRITE);
    database.exec(
        "PRAGMA journal_mode = TRUNCATE; PRAGMA cache_size = 1; BEGIN IMMEDIATE;"
        "UPDATE stages SET state = 'done', label = hex(randomblob(9999))");
    ::kill(::getpid(), SIGKILL);
  }
  ::waitpid(child, nullptr, 0);
  ASSERT_GT(std::filesystem::file_size(paths_.database().string() + "-journal"), 0U);
  try {
    StoreReader(root_).sweeps();
    FAIL() << "half a commit was read";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::unavailable);
    EXPECT_THAT(error.what(), HasSubstr("`espalier db check --repair`"));
  }
  {
    Store store(root_, on_nfs(true));
    for (const bool done : store.done_stages(sample_.graph)) EXPECT_FALSE(done);
  }
  EXPECT_EQ(StoreReader(root_).sweeps().size(), 1U);
}

TEST(NetworkFilesystem, IsKnownByTheKernelsNumber) {
  EXPECT_EQ(network_filesystem_of_type(V9FS_MAGIC), "9p");
  EXPECT_EQ(network_filesystem_of_type(FUSE_SUPER_MAGIC), "FUSE");
  EXPECT_EQ(network_filesystem_of_type(NFS_SUPER_MAGIC), "NFS");
  EXPECT_EQ(network_filesystem_of_type(SMB2_SUPER_MAGIC), "SMB");
  EXPECT_EQ(network_filesystem_of_type(CEPH_SUPER_MAGIC), "Ceph");
  for (const std::uint32_t local : {EXT4_SUPER_MAGIC, TMPFS_MAGIC, XFS_SUPER_MAGIC, OVERLAYFS_SUPER_MAGIC})
    EXPECT_EQ(network_filesystem_of_type(local), "") << local;
}

/// A FUSE filesystem without a server: the kernel knows another user's kind without asking the server.
class FuseMount {
 public:
  explicit FuseMount(const std::filesystem::path& folder) : folder_(folder), device_(::open("/dev/fuse", O_RDWR)) {
    std::filesystem::create_directories(folder);
    const std::string options = "fd=" + std::to_string(device_) + ",rootmode=40000,user_id=1,group_id=1";
    mounted_ = device_ >= 0 && ::mount("nobody", folder.c_str(), "fuse", 0, options.c_str()) == 0;
  }
  ~FuseMount() {
    if (mounted_) ::umount2(folder_.c_str(), MNT_DETACH);
    if (device_ >= 0) ::close(device_);
  }
  FuseMount(const FuseMount&) = delete;
  FuseMount& operator=(const FuseMount&) = delete;
  bool mounted() const { return mounted_; }

 private:
  std::filesystem::path folder_;
  int device_;
  bool mounted_ = false;
};

TEST_F(NetworkStore, IsRefusedOnAFuseMountToo) {
  const FuseMount mount(folder_.path / "mnt");
  ESPALIER_NEEDS("mount", mount.mounted(), "we may not mount here; run the tests as root");
  EXPECT_EQ(network_filesystem(folder_.path / "mnt"), "FUSE");
  EXPECT_THROW(Store(folder_.path / "mnt"), Error);
}

}  // namespace
}  // namespace espalier
