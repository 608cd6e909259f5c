#include "worker/comm/mailbox.h"

#include <chrono>
#include <cstdlib>
#include <list>
#include <thread>
#include <unistd.h>
#include <utility>

#include <mpi.h>

#include "base/error.h"

namespace espalier {

struct Mailbox::Impl {
  struct Sending {
    std::string bytes;
    MPI_Request request = MPI_REQUEST_NULL;
  };
  std::list<Sending> sending;  // a list: MPI holds pointers into it
  int rank = 0;
  int size = 1;
  int here = 1;
  int first = 0;
  int local_rank = 0;

  void forget_sent() {
    sending.remove_if([](Sending& item) {
      int sent = 0;
      MPI_Test(&item.request, &sent, MPI_STATUS_IGNORE);
      return sent != 0;
    });
  }
};

Mailbox::Mailbox(int* argc, char*** argv) : impl_(std::make_unique<Impl>()) {
  int provided = MPI_THREAD_SINGLE;
  MPI_Init_thread(argc, argv, MPI_THREAD_FUNNELED, &provided);
  if (provided < MPI_THREAD_FUNNELED) {
    throw Error(ErrorKind::unavailable,
                "this MPI was built without thread support (MPI_THREAD_FUNNELED); use another MPI");
  }
  MPI_Comm_rank(MPI_COMM_WORLD, &impl_->rank);
  MPI_Comm_size(MPI_COMM_WORLD, &impl_->size);
  MPI_Comm host = MPI_COMM_NULL;
  MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &host);
  MPI_Comm_size(host, &impl_->here);
  MPI_Allreduce(&impl_->rank, &impl_->first, 1, MPI_INT, MPI_MIN, host);
  MPI_Comm_rank(host, &impl_->local_rank);
  MPI_Comm_free(&host);
}

Mailbox::~Mailbox() {
  finish();
}

void Mailbox::finish() {
  for (Impl::Sending& item : impl_->sending) MPI_Wait(&item.request, MPI_STATUS_IGNORE);
  MPI_Finalize();
}

int Mailbox::rank() const {
  return impl_->rank;
}
int Mailbox::size() const {
  return impl_->size;
}
int Mailbox::ranks_here() const {
  return impl_->here;
}
int Mailbox::first_here() const {
  return impl_->first;
}
int Mailbox::local_rank() const {
  return impl_->local_rank;
}

std::string Mailbox::library_version() const {
  char text[MPI_MAX_LIBRARY_VERSION_STRING] = {};
  int length = 0;
  MPI_Get_library_version(text, &length);
  const std::string version(text, static_cast<std::size_t>(length));
  return version.substr(0, version.find(','));
}

void Mailbox::post(int to, MailTag tag, std::string bytes) {
  impl_->forget_sent();
  Impl::Sending& item = impl_->sending.emplace_back();
  item.bytes = std::move(bytes);
  MPI_Isend(item.bytes.data(), static_cast<int>(item.bytes.size()), MPI_BYTE, to, static_cast<int>(tag), MPI_COMM_WORLD,
            &item.request);
}

std::optional<Mail> Mailbox::poll() {
  if (!impl_->sending.empty()) impl_->forget_sent();
  int here = 0;
  MPI_Status status;
  MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD, &here, &status);
  if (here == 0) return std::nullopt;
  int size = 0;
  MPI_Get_count(&status, MPI_BYTE, &size);
  Mail mail{status.MPI_SOURCE, static_cast<MailTag>(status.MPI_TAG), std::string(static_cast<std::size_t>(size), '\0')};
  MPI_Recv(mail.bytes.data(), size, MPI_BYTE, status.MPI_SOURCE, status.MPI_TAG, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
  return mail;
}

void Mailbox::finish_and_exit() {
  finish();
  ::_exit(0);
}

void Mailbox::abort(int code) {
  // Open MPI 5 loses what a rank printed last unless its launcher read it while the rank lived.
  constexpr std::chrono::milliseconds kReadByLauncher{200};
  std::this_thread::sleep_for(kReadByLauncher);
  MPI_Abort(MPI_COMM_WORLD, code);
  std::abort();
}

}  // namespace espalier
