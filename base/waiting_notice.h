#pragma once

#include <string>
#include <thread>

namespace espalier {

/// During its lifetime, after two seconds: a line on stderr names what it waits for.
class WaitingNotice {
 public:
  explicit WaitingNotice(std::string line);

 private:
  std::jthread thread_;
};

}  // namespace espalier
