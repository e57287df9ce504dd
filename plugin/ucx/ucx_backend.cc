#include "plugin/ucx/ucx_backend.h"

#include <sys/random.h>

#include <algorithm>
#include <utility>

namespace ithaca {

StatusOr<std::unique_ptr<LaneBackend>> UcxBackend::Create(
    const UcxApi& api, std::vector<Rail> rails, LogSink& log) {
  std::unique_ptr<UcxBackend> self(new UcxBackend(api, log));
  for (const Rail& rail : rails) {
    StatusOr<std::unique_ptr<UcxRail>> opened =
        UcxRail::Open(self->api_, rail, self.get(), log);
    if (!opened.ok()) return opened.status();
    self->rails_.push_back(std::move(*opened));
  }
  return std::unique_ptr<LaneBackend>(std::move(self));
}

UcxBackend::~UcxBackend() = default;

int UcxBackend::Progress() {
  int events = 0;
  for (const auto& rail : rails_) events += rail->Progress();
  ServiceLanes();
  return events;
}

void UcxBackend::ServiceLanes() {
  // Sinks may list more lanes meanwhile, and a lane that still waits is listed
  // again; those have their turn in the next round.
  size_t turns = listed_.size();
  for (size_t i = 0; i < turns; ++i) {
    UcxLane* const lane = listed_[i];
    if (lane == nullptr) continue;
    lane->listed = false;
    listed_[i] = nullptr;
    if (lane->Service()) NeedsService(lane);
  }
  listed_.erase(std::remove(listed_.begin(), listed_.end(), nullptr),
                listed_.end());
}

Status UcxBackend::CheckRail(int rail) const {
  if (rail >= 0 && static_cast<size_t>(rail) < rails_.size()) return Status();
  return Errorf(Code::kInvalidArgument, "there is no rail %d among %zu", rail,
                rails_.size());
}

StatusOr<std::string> UcxBackend::Address(int rail) {
  ITHACA_RETURN_IF_ERROR(CheckRail(rail));
  return rails_[rail]->address();
}

uint64_t UcxBackend::ReserveLaneId() {
  // Random, so that what a peer sends to a lane of another life meets no lane
  // of this one. 64 bits: no id is drawn twice in practice.
  uint64_t id = 0;
  while (id == 0)
    if (getrandom(&id, sizeof(id), 0) != sizeof(id)) id = 0;
  return id;
}

StatusOr<std::unique_ptr<Lane>> UcxBackend::Open(int rail, uint64_t local_id,
                                                 std::string_view peer_address,
                                                 uint64_t peer_id,
                                                 LaneSink* sink) {
  ITHACA_RETURN_IF_ERROR(CheckRail(rail));
  if (local_id == 0 || peer_id == 0 || lanes_.count(local_id) != 0)
    return Errorf(Code::kInvalidArgument, "lane id 0 or in use");
  StatusOr<RailAddress> peer = DecodeRailAddress(peer_address);
  if (!peer.ok()) return peer.status();
  UcxLaneOwner* const owner = this;
  auto lane = std::make_unique<UcxLane>(api_, rails_[rail].get(), owner,
                                        local_id, peer_id, *peer, sink);
  lanes_[local_id] = lane.get();
  ITHACA_RETURN_IF_ERROR(lane->Connect());
  return std::unique_ptr<Lane>(std::move(lane));
}

void UcxBackend::OnMessage(UcxMessageId id, const void* head, size_t head_bytes,
                           const void* data, size_t data_bytes) {
  const auto it = lanes_.find(DecodeLane(head, head_bytes));
  if (it != lanes_.end()) {
    it->second->OnMessage(id, head, head_bytes, data, data_bytes);
    return;
  }
  // Usual just after a lane was closed here: the peer has not heard of it yet.
  if (logged_stray_ || id == kUcxBye) return;
  logged_stray_ = true;
  ITHACA_INFO(
      log_,
      "UCX: dropped %zu bytes for a lane that is not open here (further "
      "ones are not logged)",
      data_bytes);
}

void UcxBackend::NeedsService(UcxLane* lane) {
  if (lane->listed) return;
  lane->listed = true;
  listed_.push_back(lane);
}

void UcxBackend::OnGone(UcxLane* lane) {
  lanes_.erase(lane->id());
  std::replace(listed_.begin(), listed_.end(), lane,
               static_cast<UcxLane*>(nullptr));
}

}  // namespace ithaca
