#include "orchestrator/coordinator/side_work.h"

#include <exception>
#include <utility>

#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace espalier {

namespace asio = boost::asio;

SideWork::~SideWork() {
  thread_.stop();
  thread_.join();
}

asio::awaitable<void> SideWork::run(std::function<void()> work) {
  ++unfinished_;
  const auto start = [this](auto done, std::function<void()> what) {
    asio::post(thread_, [this, done = std::move(done), what = std::move(what)]() mutable {
      std::exception_ptr error;
      try {
        what();
      } catch (...) {
        error = std::current_exception();
      }
      what = nullptr;  // what it holds may be large, and goes here
      asio::post(io_, [this, done = std::move(done), error = std::move(error)]() mutable {
        --unfinished_;
        std::move(done)(std::move(error));
      });
    });
  };
  co_await asio::async_initiate<const asio::use_awaitable_t<>, void(std::exception_ptr)>(start, asio::use_awaitable,
                                                                                         std::move(work));
}

}  // namespace espalier
