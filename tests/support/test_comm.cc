#include "tests/support/test_comm.h"

#include <errno.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utility>

#include "tests/support/test_process.h"

namespace ithaca::testing {

using abi::Result;

Comm::Comm() { ++ThisProcess().objects; }

Comm::~Comm() {
  closing = true;
  if (mover.joinable()) mover.join();
  if (fd >= 0) close(fd);
  --ThisProcess().objects;
}

namespace {

// Moves bytes of the oldest message. 1: some moved, 0: would block, -1: broken.
int MoveSome(Comm* comm, Message* m) {
  uint64_t* header = &m->size;
  const bool in_header = m->moved < sizeof(*header);
  char* at = in_header ? reinterpret_cast<char*>(header) + m->moved
                       : m->data + (m->moved - sizeof(*header));
  size_t want = in_header ? sizeof(*header) - m->moved
                          : m->size + sizeof(*header) - m->moved;
  const uint64_t limit = ThisProcess().faults.send_bytes_max;
  if (limit > 0 && want > limit) want = limit;
  const ssize_t n = comm->sends
                        ? send(comm->fd, at, want, MSG_NOSIGNAL | MSG_DONTWAIT)
                        : recv(comm->fd, at, want, MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
  if (n <= 0) return -1;
  m->moved += n;
  return 1;
}

void Complete(Message* m) {
  m->complete = true;
  Process& p = ThisProcess();
  m->held_back = p.faults.done_delay;
  if (m->comm->sends || m->size == 0) return;
  const uint64_t turn = p.receives.fetch_add(1) + 1;
  if (turn == p.faults.corrupt_at) m->data[m->size / 2] ^= 0x10;
  if (turn == p.faults.short_at) --m->size;
}

void MoveAlone(Comm* comm) {
  while (!comm->closing) {
    {
      std::lock_guard<std::mutex> lock(comm->mutex);
      if (Progress(comm) != Result::kSuccess) return;
    }
    sched_yield();
  }
}

}  // namespace

Result Progress(Comm* comm) {
  while (!comm->queue.empty()) {
    Message* m = comm->queue.front().get();
    while (m->moved < sizeof(m->size) || m->moved < sizeof(m->size) + m->size) {
      const int moved = MoveSome(comm, m);
      if (moved < 0) {
        TEST_NET_WARN("test-net: the peer closed the connection");
        return Result::kRemoteError;
      }
      if (moved == 0) return Result::kSuccess;
      if (!comm->sends && m->moved == sizeof(m->size) &&
          m->size > m->capacity) {
        TEST_NET_WARN("test-net: %zu bytes sent for a receive of %zu",
                      static_cast<size_t>(m->size), m->capacity);
        return Result::kInvalidUsage;
      }
    }
    Complete(m);
    if (!m->detached) comm->finished.push_back(std::move(comm->queue.front()));
    comm->queue.pop_front();
  }
  return Result::kSuccess;
}

Result Post(Comm* comm, void* data, size_t bytes, bool early, void** request) {
  auto message = std::make_unique<Message>();
  message->comm = comm;
  message->data = static_cast<char*>(data);
  message->capacity = bytes;
  message->size = bytes;
  if (early) {
    // Lives on in the queue; the request is another object, complete at once.
    message->detached = true;
    auto done = std::make_unique<Message>();
    done->comm = comm;
    done->complete = true;
    *request = done.get();
    comm->finished.push_back(std::move(done));
    comm->queue.push_back(std::move(message));
    if (!comm->mover.joinable()) comm->mover = std::thread(MoveAlone, comm);
    return Result::kSuccess;
  }
  *request = message.get();
  comm->queue.push_back(std::move(message));
  return Progress(comm);
}

void Retire(Message* m) {
  auto& finished = m->comm->finished;
  for (auto it = finished.begin(); it != finished.end(); ++it) {
    if (it->get() != m) continue;
    finished.erase(it);
    return;
  }
}

}  // namespace ithaca::testing
