#include "plugin/shm/shm_test_support.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

namespace ithaca {
namespace {

template <typename T>
T OrDie(StatusOr<T> value) {
  if (value.ok()) return std::move(value).value();
  ADD_FAILURE() << value.status().ToString();
  abort();
}

}  // namespace

BarePeer::BarePeer(ShmBackend* victim) {
  std::string invitation;
  lane = OrDie(victim->Invite(own->Address(), &sink, &invitation));
  EXPECT_TRUE(DecodeShmAddress(invitation, &address).ok());
  segment =
      OrDie(Segment::Open(address.pid, address.segment_fd, address.segment));
  inbox = OrDie(PeerInbox::Open(address.pid, address.inbox_fd, address.inbox));
  slot = segment.inviter_slot() - 1;
}

BackendPair::BackendPair()
    : left(OrDie(ShmBackend::Create())), right(OrDie(ShmBackend::Create())) {}

BackendPair::~BackendPair() {
  a.clear();
  b.clear();
}

int BackendPair::OpenLane() {
  End x, y;
  std::string invitation;
  y.lane = OrDie(right->Invite(left->Address(), y.sink.get(), &invitation));
  x.lane = OrDie(left->Join(invitation, x.sink.get()));
  a.push_back(std::move(x));
  b.push_back(std::move(y));
  return static_cast<int>(a.size()) - 1;
}

void BackendPair::Progress() {
  left->Progress();
  right->Progress();
}

bool BackendPair::ProgressUntil(const std::function<bool()>& done) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(100);
  while (!done()) {
    if (std::chrono::steady_clock::now() > end) return false;
    Progress();
  }
  return true;
}

}  // namespace ithaca
