#pragma once

#include <string>
#include <thread>

namespace espalier {

/// While it is there: after two seconds a line on stderr tells what is waited for.
class WaitingNotice {
 public:
  explicit WaitingNotice(std::string line);

 private:
  std::jthread thread_;
};

}  // namespace espalier
