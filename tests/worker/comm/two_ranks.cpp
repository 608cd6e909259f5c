#include "tests/worker/comm/two_ranks.h"

#include <chrono>
#include <memory>
#include <optional>
#include <thread>

namespace espalier {
namespace {

std::unique_ptr<Mailbox> g_mailbox;

}  // namespace

Mailbox& TwoRanks::mailbox() {
  return *g_mailbox;
}

// One at a time: what the other posts after it has met this one is of the next test.
void TwoRanks::pump() {
  turn();
  const std::optional<Mail> mail = mailbox().poll();
  if (!mail) return std::this_thread::sleep_for(std::chrono::microseconds(100));
  if (mail->tag == MailTag::left) {
    ++heard_;
  } else {
    handle(*mail);
  }
}

void TwoRanks::pump_until(const std::function<bool()>& done) {
  while (!done()) pump();
}

void TwoRanks::meet() {
  ++met_;
  mailbox().post(other(), MailTag::left, "");
  pump_until([&] { return heard_ >= met_; });
}

}  // namespace espalier

int main(int count, char** arguments) {
  using namespace espalier;
  testing::InitGoogleTest(&count, arguments);
  g_mailbox = std::make_unique<Mailbox>(&count, &arguments);
  int failed = 1;
  if (g_mailbox->size() == 2) {
    failed = RUN_ALL_TESTS();
  } else {
    ADD_FAILURE() << "to be started by mpirun, with 2 ranks";
  }
  g_mailbox.reset();
  return failed;
}
