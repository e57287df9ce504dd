// Records of active messages that UCX has taken but not finished.
//
// UCX may read a message's head until it says that it is done, and may say so
// after the lane is gone: the record holds the head and outlives the lane. One
// pool per backend; records are recycled, so a steady flow allocates nothing.
// Confined to the engine's lock. Outlives every worker.
#ifndef ITHACA_PLUGIN_UCX_UCX_SEND_POOL_H_
#define ITHACA_PLUGIN_UCX_UCX_SEND_POOL_H_

#include <cstdint>
#include <deque>

#include "plugin/ucx/ucx_api.h"
#include "plugin/ucx/ucx_wire.h"

namespace ithaca {

struct UcxSend;

// Hears that a message is done with. Called from inside UCX: may only count.
class UcxSendOwner {
 public:
  virtual ~UcxSendOwner() = default;
  virtual void OnSent(UcxSend* send, ucs_status_t status) = 0;
};

struct UcxSend {
  UcxSendOwner* owner = nullptr;  // null: nobody cares any more
  uint32_t seq = 0;               // of the frame
  uint32_t bytes = 0;             // of the frame, for the owner's counters
  bool user_memory = false;       // UCX may read memory of the user's
  uint8_t head[kChunkHeadBytes];
  UcxSend* next_free = nullptr;
};

class UcxSendPool {
 public:
  explicit UcxSendPool(const UcxApi& api) : api_(api) {}
  UcxSendPool(const UcxSendPool&) = delete;
  UcxSendPool& operator=(const UcxSendPool&) = delete;

  UcxSend* Take();

  // Sends `send->head` and `bytes` of `data`. True when UCX keeps the message:
  // the owner hears of its end later. Else it is over already, with *status,
  // and the record is free again.
  bool Post(ucp_ep_h endpoint, UcxMessageId id, UcxSend* send, const void* data,
            size_t bytes, ucs_status_t* status);

  // Records that UCX holds.
  size_t in_flight() const { return in_flight_; }

 private:
  static void OnDone(void* request, ucs_status_t status, void* self);
  struct Record : UcxSend {
    UcxSendPool* pool = nullptr;
  };
  void PutBack(UcxSend* send);

  const UcxApi& api_;
  std::deque<Record> records_;  // never moves its elements
  UcxSend* free_ = nullptr;
  size_t in_flight_ = 0;
};

}  // namespace ithaca

#endif  // ITHACA_PLUGIN_UCX_UCX_SEND_POOL_H_
