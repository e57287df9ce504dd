// One epoll set for all sockets of an engine, and its shared scratch memory.
//
// Everything that owns a descriptor (lanes, acceptors, dialers) registers here;
// one system call tells what is ready, however many peers there are. Used with
// the engine's lock held. No method blocks.
#ifndef ITHACA_PLUGIN_SOCKET_POLLER_H_
#define ITHACA_PLUGIN_SOCKET_POLLER_H_

#include <sys/epoll.h>

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <vector>

#include "plugin/core/clock.h"
#include "plugin/core/status.h"

namespace ithaca {

// Owns a descriptor that the poller watches.
class Pollable {
 public:
  virtual ~Pollable() = default;
  // `events`: EPOLLIN, EPOLLOUT, EPOLLHUP, EPOLLERR as they hold now. May
  // remove itself or others from the poller.
  virtual void OnReady(uint32_t events) = 0;
  // What came last came in small pieces, as in a conversation, not a stream.
  virtual bool chats() const { return false; }
  // Looks whether something has come, and if so handles it as OnReady() does.
  // False: nothing had.
  virtual bool TryRead() { return false; }
};

// Has output that is better written together, after the current call.
class Flushable {
 public:
  virtual ~Flushable() = default;
  virtual void OnFlush() = 0;

 private:
  friend class Poller;
  size_t place_ = 0;  // in the poller's list, from 1; 0 = not in it
};

class Poller {
 public:
  static constexpr size_t kScratchBytes = 128 << 10;
  static constexpr int64_t kLingerNs = kNsPerSecond;

  static StatusOr<std::unique_ptr<Poller>> Create(const Clock* clock);
  ~Poller();

  // Watches `fd`; the pollable stays the owner of both. Returns a token.
  StatusOr<uint64_t> Add(int fd, uint32_t events, Pollable* pollable);
  void SetEvents(uint64_t token, uint32_t events);
  // No OnReady comes any more, not even for events already fetched.
  void Remove(uint64_t token);

  // Calls OnFlush once in the next Flush(), or in the one that is going on.
  void FlushSoon(Flushable* flushable);
  void ForgetFlush(Flushable* flushable);

  // Takes over a socket whose write side is shut: reads and drops what comes
  // until the peer closes or kLingerNs have passed, then closes it. So that
  // what was written last is not lost to a reset.
  void Linger(int fd);

  // Handles what is ready now, at most kBatch descriptors. Returns how many.
  int Poll();
  // One peer alone has sent anything for a while, and little at a time: its
  // socket is read (TryRead) before the others are looked at.
  bool hot() const { return in_a_row_ >= kInARow; }
  void Flush();

  // kScratchBytes for the use of one OnReady call.
  char* scratch() { return scratch_.get(); }

 private:
  static constexpr int kBatch = 64;
  // When one peer counts as alone, and how often the others are looked at then.
  static constexpr int kInARow = 16;
  static constexpr int kLooks = 4;
  class Lingerer;

  Poller(int epoll_fd, const Clock* clock);
  int PollAll();
  void Note(const epoll_event* events, int n);
  void EndLingerers();

  const int epoll_fd_;
  const Clock* const clock_;
  // Side by side, so that finding what is ready among many costs little.
  struct Watch {
    uint32_t round = 0;  // how often the place was given away, from 1
    int fd = -1;
    Pollable* pollable = nullptr;  // null: the place is free
  };
  // A token is a place (low half) and its round; 0 is none. Null when the place
  // is not that token's any more.
  Watch* Find(uint64_t token);
  std::vector<Watch> watches_;
  std::vector<uint32_t> free_;  // places
  // Had input last, alone, and so often in a row; a few words from others (an
  // acknowledgement now and then) count against it.
  uint64_t last_ = 0;
  int in_a_row_ = 0;
  int looks_ = 0;
  std::vector<Flushable*> flush_;
  std::list<std::unique_ptr<Lingerer>> lingerers_;  // by deadline
  std::list<std::unique_ptr<Lingerer>> lingered_;   // done, to be destroyed
  const std::unique_ptr<char[]> scratch_;
};

}  // namespace ithaca

#endif  // ITHACA_PLUGIN_SOCKET_POLLER_H_
