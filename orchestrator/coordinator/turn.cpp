#include "orchestrator/coordinator/turn.h"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace espalier {

namespace asio = boost::asio;

asio::awaitable<void> Turn::wait() {
  boost::system::error_code cancelled;
  while (taken_) co_await given_back_.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
}

void Turn::give_back() {
  taken_ = false;
  given_back_.cancel();
}

}  // namespace espalier
