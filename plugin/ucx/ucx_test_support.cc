#include "plugin/ucx/ucx_test_support.h"

#include <arpa/inet.h>

#include <chrono>
#include <utility>

#include "plugin/ucx/ucx_backend.h"

namespace ithaca {
namespace {

std::unique_ptr<LaneBackend> MakeBackend(LogSink& log) {
  StatusOr<std::unique_ptr<LaneBackend>> backend =
      UcxBackend::Create(SystemUcx().value(), {LoopbackRail()}, log);
  if (!backend.ok()) {
    ADD_FAILURE() << backend.status().ToString();
    abort();
  }
  return std::move(*backend);
}

}  // namespace

const StatusOr<UcxApi>& SystemUcx() {
  static const StatusOr<UcxApi>& api = *new StatusOr<UcxApi>(LoadUcx());
  return api;
}

Rail LoopbackRail() {
  Rail rail;
  rail.name = "lo";
  auto* const address = reinterpret_cast<sockaddr_in*>(&rail.address);
  address->sin_family = AF_INET;
  address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  rail.guid = 1;
  rail.loopback = true;
  return rail;
}

int LogLines::CountWith(const std::string& part) const {
  int count = 0;
  for (const std::string& line : lines)
    if (line.find(part) != std::string::npos) ++count;
  return count;
}

BackendPair::BackendPair(bool same_backend) {
  left_ = MakeBackend(log);
  if (!same_backend) right_ = MakeBackend(log);
}

BackendPair::~BackendPair() {
  a.clear();
  b.clear();
}

int BackendPair::OpenLane() {
  const std::string left_address = left()->Address(0).value();
  const std::string right_address = right()->Address(0).value();
  End x{nullptr, std::make_unique<RecordingSink>(), left()->ReserveLaneId()};
  End y{nullptr, std::make_unique<RecordingSink>(), right()->ReserveLaneId()};
  StatusOr<std::unique_ptr<Lane>> lane =
      left()->Open(0, x.id, right_address, y.id, x.sink.get());
  EXPECT_TRUE(lane.ok()) << lane.status().ToString();
  x.lane = std::move(*lane);
  lane = right()->Open(0, y.id, left_address, x.id, y.sink.get());
  EXPECT_TRUE(lane.ok()) << lane.status().ToString();
  y.lane = std::move(*lane);
  a.push_back(std::move(x));
  b.push_back(std::move(y));
  return static_cast<int>(a.size()) - 1;
}

void BackendPair::Progress() {
  if (left_) left_->Progress();
  if (right_) right_->Progress();
}

bool BackendPair::ProgressUntil(const std::function<bool()>& done) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(100);
  while (!done()) {
    if (std::chrono::steady_clock::now() > end) return false;
    Progress();
  }
  return true;
}

void BackendPair::DestroyRight() {
  for (End& end : b) end.lane.reset();
  right_.reset();
}

void BackendPair::DestroyLeft() {
  for (End& end : a) end.lane.reset();
  left_.reset();
}

}  // namespace ithaca
