#include "worker/comm/pool_member.h"

#include <chrono>
#include <signal.h>
#include <utility>

#include "worker/comm/file_service.h"
#include "worker/comm/rank_agent.h"
#include "worker/watch/member_watch.h"

namespace espalier {
namespace {

volatile sig_atomic_t g_leave_signalled = 0;

void on_leave_signal(int) {
  g_leave_signalled = 1;
}

}  // namespace

void install_leave_signals() {
  struct sigaction action {};
  action.sa_handler = on_leave_signal;
  action.sa_flags = SA_RESTART;
  for (const int signal : {SIGTERM, SIGUSR1}) ::sigaction(signal, &action, nullptr);
}

bool leave_was_signalled() {
  return g_leave_signalled != 0;
}

void run_member(Mailbox& mailbox, const WorkerSettings& settings, RankFiles& files, CacheFolder& cache) {
  constexpr int kGateway = 0;
  FileService file_service(mailbox, files, cache,
                           [&](const Message& message) { mailbox.post(kGateway, MailTag::file, encode(message)); });
  RankAgent agent(mailbox, settings, nullptr);
  Backoff backoff;
  HeartbeatClock heartbeat;
  bool leaving = false;
  bool asked = false;
  while (true) {
    bool traffic = false;
    while (std::optional<Mail> mail = mailbox.poll()) {
      traffic = true;
      if (mail->tag == MailTag::commands) agent.handle(decode_commands(mail->bytes));
      if (mail->tag == MailTag::gang) agent.handle_gang(mail->from, mail->bytes);
      if (mail->tag == MailTag::introduce) agent.introduce();
      if (mail->tag == MailTag::want || mail->tag == MailTag::here) file_service.handle(*mail);
      if (mail->tag == MailTag::file) file_service.handle(decode_message(mail->bytes));
      if (mail->tag == MailTag::leave) {
        leaving = true;
        agent.leave(parse_loss_cause(mail->bytes));
        file_service.leave();
      }
    }
    const bool adding = agent.turn();
    const auto now = std::chrono::steady_clock::now();
    agent.check_health(now);
    if (heartbeat.is_due(now)) mailbox.post(kGateway, MailTag::heartbeat, encode_heartbeat(agent.present()));
    if (leave_was_signalled() && !std::exchange(asked, true)) mailbox.post(kGateway, MailTag::leave, "preempted");
    if (agent.must_leave(now) && !std::exchange(asked, true)) mailbox.post(kGateway, MailTag::leave, "time_limit");
    if (file_service.pump()) traffic = true;
    const bool idle = agent.idle() && file_service.idle();
    if (const std::vector<RankReport> reports = agent.take_reports(); !reports.empty()) {
      traffic = true;
      mailbox.post(kGateway, MailTag::reports, encode(reports));
    }
    if (leaving && idle) break;
    if (traffic) {
      backoff.on_traffic();
    } else {
      agent.wait_for_reports(adding ? kGangPause : std::chrono::microseconds(backoff.next()));
    }
  }
  mailbox.post(kGateway, MailTag::left, "");
  if (agent.abandoned()) mailbox.finish_and_exit();
}

}  // namespace espalier
