#include "worker/data_parallel/gang.h"

#include <atomic>

#include <gtest/gtest.h>

#include "tests/worker/data_parallel/thread_gang.h"

namespace espalier {
namespace {

TEST(Gang, parts_follow_each_other_and_differ_by_one_at_most) {
  for (const std::int64_t count : {0, 1, 3, 34, 64, 1000}) {
    for (const int members : {1, 2, 4, 7}) {
      std::int64_t next = 0;
      for (int member = 0; member < members; ++member) {
        const Part part = part_of(count, member, members);
        EXPECT_EQ(part.first, next);
        EXPECT_GE(part.count, count / members);
        EXPECT_LE(part.count, (count + members - 1) / members);
        next += part.count;
      }
      EXPECT_EQ(next, count);
    }
  }
}

TEST(Gang, all_are_given_the_sum_and_one_voice_is_heard) {
  std::atomic<int> heard = 0;
  run_gang(4, [&](Gang& gang) {
    std::vector<double> values{1, static_cast<double>(gang.member())};
    sum(gang, values);
    EXPECT_EQ(values, (std::vector<double>{4, 6}));
    EXPECT_FALSE(any(gang, false));
    heard += any(gang, gang.member() == 2);
  });
  EXPECT_EQ(heard, 4);
}

TEST(Gang, who_differs_from_the_leader_is_named_on_every_member) {
  std::atomic<int> thrown = 0;
  run_gang(4, [&](Gang& gang) {
    require_equal(gang, sha256("masks"), "masks");
    Digest other = sha256("masks");
    if (gang.member() % 2 == 1) other[31] ^= 1;
    try {
      require_equal(gang, other, "masks before step 7");
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::internal);
      EXPECT_STREQ(error.what(),
                   "masks before step 7: those of rank 1, 3 differ from those of rank 0, which leads the gang");
      ++thrown;
    }
  });
  EXPECT_EQ(thrown, 4);
}

}  // namespace
}  // namespace espalier
