#include "plugin/shm/shm_backend.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

namespace ithaca {
namespace {

// Once in so many polls a lane is looked at whose bell did not ring, in turn:
// another peer may have cleared its bit (inbox.h).
constexpr uint32_t kPollsPerLook = 64;

}  // namespace

StatusOr<std::unique_ptr<ShmBackend>> ShmBackend::Create() {
  StatusOr<std::unique_ptr<Inbox>> inbox = Inbox::Create();
  if (!inbox.ok()) return inbox.status();
  std::unique_ptr<ShmBackend> backend(new ShmBackend);
  backend->inbox_ = std::move(inbox).value();
  return backend;
}

ShmBackend::~ShmBackend() = default;

std::string ShmBackend::Address() const {
  ShmAddress address;
  address.pid = getpid();
  address.inbox_fd = inbox_->fd();
  address.inbox = inbox_->id();
  return EncodeShmAddress(address);
}

StatusOr<std::shared_ptr<PeerInbox>> ShmBackend::InboxOf(
    const ShmAddress& peer) {
  std::weak_ptr<PeerInbox>& known = peers_[peer.inbox];
  if (std::shared_ptr<PeerInbox> inbox = known.lock()) return inbox;
  StatusOr<std::shared_ptr<PeerInbox>> opened =
      PeerInbox::Open(peer.pid, peer.inbox_fd, peer.inbox);
  if (opened.ok())
    known = *opened;
  else
    peers_.erase(peer.inbox);
  return opened;
}

StatusOr<std::unique_ptr<Lane>> ShmBackend::Make(ShmLane::Side side,
                                                 const ShmAddress& peer,
                                                 Segment segment,
                                                 LaneSink* sink) {
  StatusOr<std::shared_ptr<PeerInbox>> inbox = InboxOf(peer);
  if (!inbox.ok()) return inbox.status();
  const int slot = inbox_->TakeSlot();
  if (slot < 0)
    return Errorf(Code::kResourceExhausted,
                  "%u lanes over shared memory are in use", kShmSlots);
  if (slot >= static_cast<int>(lanes_.size())) lanes_.resize(slot + 1);
  auto lane = std::make_unique<ShmLane>(
      side, std::move(segment), std::move(inbox).value(), slot,
      "shared memory with process " + std::to_string(peer.pid), this, sink);
  lanes_[slot] = lane.get();
  return std::unique_ptr<Lane>(std::move(lane));
}

StatusOr<std::unique_ptr<Lane>> ShmBackend::Invite(std::string_view address,
                                                   LaneSink* sink,
                                                   std::string* invitation) {
  ShmAddress peer;
  ITHACA_RETURN_IF_ERROR(DecodeShmAddress(address, &peer));
  StatusOr<Segment> segment = Segment::Create();
  if (!segment.ok()) return segment.status();
  ShmAddress own;
  ITHACA_RETURN_IF_ERROR(DecodeShmAddress(Address(), &own));
  own.segment_fd = segment->fd();
  own.segment = segment->id();
  *invitation = EncodeShmAddress(own);
  return Make(ShmLane::Side::kInviter, peer, std::move(segment).value(), sink);
}

StatusOr<std::unique_ptr<Lane>> ShmBackend::Join(std::string_view invitation,
                                                 LaneSink* sink) {
  ShmAddress peer;
  ITHACA_RETURN_IF_ERROR(DecodeShmAddress(invitation, &peer));
  StatusOr<Segment> segment =
      Segment::Open(peer.pid, peer.segment_fd, peer.segment);
  if (!segment.ok()) return segment.status();
  return Make(ShmLane::Side::kJoiner, peer, std::move(segment).value(), sink);
}

int ShmBackend::Progress() {
  inbox_->Collect([this](int slot) {
    if (slot < static_cast<int>(lanes_.size()) && lanes_[slot] != nullptr)
      NeedsService(lanes_[slot]);
  });
  if (++polls_ % kPollsPerLook == 0) LookAtOne();
  if (ready_.empty()) return 0;
  turn_.swap(ready_);
  int events = 0;
  for (size_t i = 0; i < turn_.size(); ++i) {
    ShmLane* const lane = turn_[i];
    if (lane == nullptr) continue;
    lane->listed = false;
    const ShmLane::Serviced serviced = lane->Service();
    events += serviced.moved;
    if (serviced.again) NeedsService(lane);
  }
  turn_.clear();
  return events;
}

void ShmBackend::LookAtOne() {
  if (lanes_.empty()) return;
  looked_at_ = (looked_at_ + 1) % lanes_.size();
  if (lanes_[looked_at_] != nullptr) NeedsService(lanes_[looked_at_]);
}

void ShmBackend::NeedsService(ShmLane* lane) {
  if (lane->listed) return;
  lane->listed = true;
  ready_.push_back(lane);
}

void ShmBackend::OnGone(ShmLane* lane) {
  lanes_[lane->slot()] = nullptr;
  inbox_->FreeSlot(lane->slot());
  ready_.erase(std::remove(ready_.begin(), ready_.end(), lane), ready_.end());
  // In the middle of Progress(), whose place in the list must not move.
  std::replace(turn_.begin(), turn_.end(), lane,
               static_cast<ShmLane*>(nullptr));
}

}  // namespace ithaca
