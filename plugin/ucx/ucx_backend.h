// Lanes over UCX: every rail of an engine behind one LaneBackend.
//
// Made by the engine when ITHACA_LANES allows UCX; see lane.h for the contract.
// Sinks are called from Progress() only, never from Send() or Forget().
// Threads: confined to the engine's lock.
// Life cycle: outlives its lanes. Destroying it drops what the peers have not
// taken yet and never waits for them; their lanes go down.
#ifndef ITHACA_PLUGIN_UCX_UCX_BACKEND_H_
#define ITHACA_PLUGIN_UCX_UCX_BACKEND_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "plugin/core/log.h"
#include "plugin/core/status.h"
#include "plugin/transport/lane.h"
#include "plugin/transport/rail.h"
#include "plugin/ucx/ucx_api.h"
#include "plugin/ucx/ucx_lane.h"

namespace ithaca {

class UcxBackend final : public LaneBackend, UcxReceiver, UcxLaneOwner {
 public:
  // Opens every rail; rail i of Address() and Open() is rails[i]. Fails with
  // the first rail that UCX cannot use. `log` outlives the backend.
  static StatusOr<std::unique_ptr<LaneBackend>> Create(const UcxApi& api,
                                                       std::vector<Rail> rails,
                                                       LogSink& log);
  ~UcxBackend() override;

  const char* name() const override { return "ucx"; }
  int Progress() override;
  StatusOr<std::string> Address(int rail) override;
  uint64_t ReserveLaneId() override;
  StatusOr<std::unique_ptr<Lane>> Open(int rail, uint64_t local_id,
                                       std::string_view peer_address,
                                       uint64_t peer_id,
                                       LaneSink* sink) override;

 private:
  UcxBackend(const UcxApi& api, LogSink& log) : api_(api), log_(log) {}

  void OnMessage(UcxMessageId id, const void* head, size_t head_bytes,
                 const void* data, size_t data_bytes) override;
  void NeedsService(UcxLane* lane) override;
  void OnGone(UcxLane* lane) override;
  void ServiceLanes();
  Status CheckRail(int rail) const;

  const UcxApi api_;
  LogSink& log_;
  std::vector<std::unique_ptr<UcxRail>> rails_;
  std::unordered_map<uint64_t, UcxLane*> lanes_;
  std::vector<UcxLane*> listed_;  // that want Service(); null where one went
  bool logged_stray_ = false;
};

}  // namespace ithaca

#endif  // ITHACA_PLUGIN_UCX_UCX_BACKEND_H_
