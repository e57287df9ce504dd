// The receives that wait on a connection, and the messages that came for none.
//
// Used by RecvConnection. A receive is a group of 1 to kMaxGroup buffers under
// one request; a message fills one buffer. Equal tags match in order: the
// messages as they were sent, the buffers as they were posted, and within a
// group by their index. Every step takes constant time, however many buffers
// and messages of other tags wait, and once warm none allocates.
// Confined to who holds the engine's lock. Buffers keep their address from
// Open() until Close(), messages until they are matched.
#ifndef ITHACA_PLUGIN_TRANSPORT_POSTED_RECEIVES_H_
#define ITHACA_PLUGIN_TRANSPORT_POSTED_RECEIVES_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <unordered_map>
#include <vector>

#include "plugin/transport/connection.h"

namespace ithaca {

class PostedReceives {
 public:
  // NCCL keeps at most 32 requests per receive of a group: what its own
  // transports have room for.
  static constexpr size_t kMaxRequests = 32 * kMaxGroup;

  struct Receive;

  // One buffer of a receive.
  struct Buffer {
    char* data = nullptr;
    uint64_t bytes = 0;
    int32_t tag = 0;
    Receive* receive = nullptr;
    bool open = false;       // memory may still be written
    Buffer* next = nullptr;  // of its tag; for PostedReceives
  };

  struct Receive : Request {
    int open = 0;  // buffers without their message
    Buffer buffers[kMaxGroup];
  };

  // What a message must have to wait here; messages derive from it.
  struct Arrival {
    int32_t tag = 0;
    Arrival* next = nullptr;  // of its tag; for PostedReceives
  };

  explicit PostedReceives(Connection* connection) : connection_(connection) {}
  PostedReceives(const PostedReceives&) = delete;
  PostedReceives& operator=(const PostedReceives&) = delete;

  // A receive of `n` buffers (1 <= n <= kMaxGroup) of sizes[i] bytes at data[i]
  // under tags[i]; a null data[i] takes messages of 0 bytes alone. Its request
  // is active. Each buffer is to be posted next, in order. Null when
  // kMaxRequests are in use.
  Receive* Open(int n, void* const* data, const size_t* sizes, const int* tags);

  // The message that has waited longest for the buffer's tag, which leaves; or
  // null, and the buffer waits.
  Arrival* Post(Buffer* buffer);

  // The buffer that has waited longest for the message's tag, which leaves; or
  // null, and the message waits.
  Buffer* Arrive(Arrival* message);

  // The buffer holds a whole message of `bytes`. The request of its receive is
  // done when it was the last.
  void Fill(Buffer* buffer, uint64_t bytes);

  // NCCL has seen that the request, which is done, is done.
  void Close(Request* request);

  // The receives whose request is not done.
  int pending() const { return pending_; }

  // Whether memory that may still be written lies in [begin, end).
  bool Uses(const void* begin, const void* end) const;

 private:
  // What waits for its counterpart under one tag: buffers or messages, never
  // both.
  struct Waiting {
    Buffer* first_buffer = nullptr;
    Buffer* last_buffer = nullptr;
    Arrival* first_message = nullptr;
    Arrival* last_message = nullptr;
  };

  Waiting& ByTag(int32_t tag);

  Connection* const connection_;
  std::deque<Receive> receives_;  // as many as were ever in use at once
  std::vector<Receive*> free_;
  int pending_ = 0;
  // Tags stay when nothing waits under them, so that a tag in use costs no
  // allocation; now and then the idle ones go.
  std::unordered_map<int32_t, Waiting> tags_;
  size_t sweep_at_ = 64;
};

}  // namespace ithaca

#endif  // ITHACA_PLUGIN_TRANSPORT_POSTED_RECEIVES_H_
