// One rail of UCX: a context bound to one network interface, with two workers.
//
// Lanes send on the sending worker and receive on the receiving one, whose
// address is the rail's. With a single worker UCX would pair the endpoints that
// two workers open towards each other, and one's end would be the other's.
//
// Owned by UcxBackend; confined to the engine's lock. Lives as long as the
// backend; every lane is gone before it.
#ifndef ITHACA_PLUGIN_UCX_UCX_RAIL_H_
#define ITHACA_PLUGIN_UCX_UCX_RAIL_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "plugin/core/log.h"
#include "plugin/core/status.h"
#include "plugin/transport/rail.h"
#include "plugin/ucx/ucx_api.h"
#include "plugin/ucx/ucx_path.h"
#include "plugin/ucx/ucx_wire.h"

namespace ithaca {

// Takes what arrives. Called from inside UCX, which must not be re-entered on
// the receiving worker; sending is allowed.
class UcxReceiver {
 public:
  virtual ~UcxReceiver() = default;
  // `data` (and `head`) are valid until the call returns.
  virtual void OnMessage(UcxMessageId id, const void* head, size_t head_bytes,
                         const void* data, size_t data_bytes) = 0;
};

class UcxRail {
 public:
  // `receiver` outlives the rail.
  static StatusOr<std::unique_ptr<UcxRail>> Open(const UcxApi& api,
                                                 const Rail& rail,
                                                 UcxReceiver* receiver,
                                                 LogSink& log);
  // REQUIRES: every lane has left its path. Never waits for a peer.
  ~UcxRail();

  // Polls both workers; returns the events handled.
  int Progress();
  // Polls the sending worker alone, which calls no sink.
  int ProgressSends();

  const Rail& rail() const { return rail_; }
  ucp_worker_h sender() const { return sender_; }
  // In EncodeRailAddress's form.
  const std::string& address() const { return address_; }
  // "eth0 10.0.0.1".
  const std::string& label() const { return label_; }
  // The most payload that one active message carries in one packet of UCX.
  uint32_t chunk_bytes() const { return chunk_bytes_; }

  // The path to the rail behind `ucx_address`, for a lane to join. Valid until
  // the lane leaves it.
  StatusOr<UcxPath*> PathTo(const std::string& ucx_address);

 private:
  struct Handler {  // UCX's argument for one message id
    UcxReceiver* receiver;
    UcxMessageId id;
  };

  UcxRail(const UcxApi& api, const Rail& rail) : api_(api), rail_(rail) {}
  Status OpenContext(LogSink& log);
  Status OpenWorker(ucp_worker_h* worker);
  Status ListenFor(UcxReceiver* receiver);
  Status ReadPacketSize();
  Status ReadAddress();
  void PollPaths();
  // Sends what the receiving worker owes its peers. False when it still owes
  // after a bounded number of polls.
  bool AnswerPeers();
  static ucs_status_t OnActiveMessage(void* handler, const void* head,
                                      size_t head_bytes, void* data,
                                      size_t data_bytes,
                                      const ucp_am_recv_param_t* param);

  const UcxApi& api_;
  const Rail rail_;
  ucp_context_h context_ = nullptr;
  ucp_worker_h sender_ = nullptr;
  ucp_worker_h receiver_ = nullptr;
  Handler handlers_[3] = {};
  std::string label_;
  std::string address_;
  uint32_t chunk_bytes_ = 0;
  unsigned turns_ = 0;  // of Progress()
  struct PathRecord {
    std::string ucx_address;
    std::unique_ptr<UcxPath> path;
  };
  std::vector<PathRecord> paths_;
};

}  // namespace ithaca

#endif  // ITHACA_PLUGIN_UCX_UCX_RAIL_H_
