// One connection of the test net: messages over a stream socket, in order.
//
// Wire: per message a u64 size in native order, then the bytes. Used by
// test_net; a connection by one thread at a time, and by a thread of its own
// once a receive was reported early.
#ifndef ITHACA_TESTS_SUPPORT_TEST_COMM_H_
#define ITHACA_TESTS_SUPPORT_TEST_COMM_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <set>
#include <thread>

#include "plugin/abi/net_v12.h"

namespace ithaca::testing {

struct Comm;

struct Message {
  Comm* comm = nullptr;
  char* data = nullptr;
  size_t capacity = 0;  // of the receive buffer, or bytes to send
  uint64_t size = 0;    // on the wire
  size_t moved = 0;     // of header and bytes together
  bool complete = false;
  bool detached = false;  // reported done already; nobody will test it
  uint64_t held_back = 0;
};

struct Comm {
  int fd = -1;
  bool sends = false;
  std::set<void*> registered;
  std::deque<std::unique_ptr<Message>> queue;  // oldest first, in wire order
  std::deque<std::unique_ptr<Message>> finished;
  // Receives that were reported before they arrived need someone to move their
  // bytes while nobody calls: a thread of the connection's own, started with
  // the first of them. From then on everything is guarded by `mutex`.
  std::mutex mutex;
  std::thread mover;
  std::atomic<bool> closing{false};

  Comm();
  ~Comm();
};

// Moves what can be moved without waiting. An error: the connection is broken,
// or more came than its receive has room for; it was logged.
abi::Result Progress(Comm* comm);

// Queues a message of `bytes` to send, or a receive of at most so many.
// `early`: the request is complete at once, whatever the message does.
abi::Result Post(Comm* comm, void* data, size_t bytes, bool early,
                 void** request);

// Frees a message that was reported done.
void Retire(Message* message);

}  // namespace ithaca::testing

#endif  // ITHACA_TESTS_SUPPORT_TEST_COMM_H_
