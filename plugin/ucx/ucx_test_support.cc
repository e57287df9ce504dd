#include "plugin/ucx/ucx_test_support.h"

#include <arpa/inet.h>

#include <chrono>
#include <utility>

#include "plugin/ucx/ucx_backend.h"

namespace ithaca {
namespace {

constexpr uint8_t kPoison = 0xDB;

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

Status RecordingSink::OnFrameHead(Lane* lane, const Frame& frame,
                                  void** target) {
  ++heads;
  if (on_head) ITHACA_RETURN_IF_ERROR(on_head(lane, frame));
  *target = nullptr;
  if (drop) return Status();
  std::vector<uint8_t>& buffer = open_[{frame.seq, frame.offset}];
  buffer.assign(frame.payload_bytes, kPoison);
  *target = buffer.data();
  return Status();
}

Status RecordingSink::OnFrame(Lane* lane, const Frame& frame) {
  Arrival arrival{frame, {}};
  const auto it = open_.find({frame.seq, frame.offset});
  if (it != open_.end() && frame.payload_bytes > 0) {
    arrival.payload = std::move(it->second);
    open_.erase(it);
  }
  arrivals.push_back(std::move(arrival));
  return on_frame ? on_frame(lane, frame) : Status();
}

void RecordingSink::OnLaneDown(Lane*, const Status& why) {
  downs.push_back(why);
}

uint8_t PatternByte(uint32_t seq, uint64_t i) {
  const uint64_t x = (seq + 1) * 0x9E3779B97F4A7C15u + i * 0xBF58476D1CE4E5B9u;
  return static_cast<uint8_t>((x ^ (x >> 29)) >> 17);
}

std::vector<uint8_t> Pattern(uint32_t seq, uint64_t offset, size_t bytes) {
  std::vector<uint8_t> out(bytes);
  for (size_t i = 0; i < bytes; ++i) out[i] = PatternByte(seq, offset + i);
  return out;
}

Frame DataFrame(uint32_t seq, uint64_t offset, uint32_t bytes) {
  Frame frame;
  frame.type = FrameType::kData;
  frame.seq = seq;
  frame.offset = offset;
  frame.payload_bytes = bytes;
  frame.size = bytes;
  return frame;
}

Frame EagerFrame(uint32_t seq, uint32_t bytes) {
  Frame frame;
  frame.type = FrameType::kEager;
  frame.seq = seq;
  frame.tag = 7;
  frame.payload_bytes = bytes;
  frame.size = bytes;
  return frame;
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
