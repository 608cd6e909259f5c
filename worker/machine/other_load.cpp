#include "worker/machine/other_load.h"

#include <algorithm>
#include <fstream>
#include <string>
#include <sys/resource.h>
#include <unistd.h>
#include <utility>

namespace espalier {
namespace {

double seconds_of(const timeval& time) {
  return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
}

}  // namespace

OtherLoad::OtherLoad(std::filesystem::path root)
    : root_(std::move(root)), before_(used()), since_(std::chrono::steady_clock::now()) {}

OtherLoad::Seconds OtherLoad::used() const {
  Seconds seconds;
  std::ifstream file(root_ / "proc/stat");
  std::string word;
  if (!(file >> word) || word != "cpu") return seconds;
  // user nice system idle iowait irq softirq steal, in ticks
  double ticks = 0, sum = 0;
  for (int field = 0; field < 8 && file >> ticks; ++field) {
    const bool idles = field == 3 || field == 4;
    if (!idles) sum += ticks;
  }
  rusage own{};
  ::getrusage(RUSAGE_SELF, &own);
  seconds.all = sum / static_cast<double>(::sysconf(_SC_CLK_TCK));
  seconds.own = seconds_of(own.ru_utime) + seconds_of(own.ru_stime);
  return seconds;
}

double OtherLoad::cores() const {
  const Seconds now = used();
  const double wall = std::chrono::duration<double>(std::chrono::steady_clock::now() - since_).count();
  const double others = now.all - before_.all - (now.own - before_.own);
  return wall > 0 ? std::max(0.0, others / wall) : 0;
}

}  // namespace espalier
