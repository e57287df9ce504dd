#include "tests/histories/member_stream.h"

#include <chrono>
#include <utility>

#include "tests/histories/group_seen.h"

namespace ithaca::histories {

namespace v1 = groups::v1;

void LogMessage(
    const v1::Group* group,
    const google::protobuf::RepeatedPtrField<v1::GroupEvent>& events,
    WatchLog* log) {
  WatchItem item;
  for (const v1::GroupEvent& event : events) {
    // What is not numbered is not repeated either.
    if (event.sequence() != 0) item.events.push_back(EventOf(event));
  }
  if (group != nullptr) {
    item.kind = WatchItem::Kind::kWhole;
    item.position = static_cast<int64_t>(group->sequence());
    item.content = WholeText(*group);
  } else if (item.events.empty()) {
    return;
  }
  log->items.push_back(std::move(item));
}

MemberStream::MemberStream(v1::GroupsService::Stub* stub,
                           const v1::JoinGroupRequest& request,
                           std::string watcher)
    : stub_(stub), request_(request) {
  log_.watcher = std::move(watcher);
  log_.items.push_back({WatchItem::Kind::kStart, 0, "", {}});
  reader_ = std::thread([this] { Read(); });
}

void MemberStream::Read() {
  auto reader = stub_->JoinGroup(&context_, request_);
  v1::JoinGroupResponse message;
  while (reader->Read(&message)) Take(message);
  grpc::Status status = reader->Finish();
  std::lock_guard<std::mutex> lock(mutex_);
  status_ = std::move(status);
  ended_ns_ = NowNs();
  ended_ = true;
  changed_.notify_all();
}

void MemberStream::Take(const v1::JoinGroupResponse& message) {
  std::lock_guard<std::mutex> lock(mutex_);
  LogMessage(message.has_group() ? &message.group() : nullptr, message.events(),
             &log_);
  if (message.has_joined()) parked_ = message.joined().parked();
  if (message.has_group()) {
    epoch_ = message.group().epoch();
    complete_ = message.group().state() == v1::GROUP_STATE_COMPLETE;
  }
  for (const v1::GroupEvent& event : message.events()) {
    if (event.sequence() == 0) continue;
    epoch_ = event.epoch();
    if (event.type() == v1::EVENT_TYPE_COMPLETE) complete_ = true;
    if (event.type() == v1::EVENT_TYPE_MEMBER_LOST ||
        event.type() == v1::EVENT_TYPE_MEMBER_LEFT)
      complete_ = false;
  }
  if (!first_.has_value()) first_ = message;
  changed_.notify_all();
}

std::optional<v1::JoinGroupResponse> MemberStream::First(int64_t timeout_ms) {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait_for(lock, std::chrono::milliseconds(timeout_ms),
                    [this] { return first_.has_value() || ended_; });
  if (first_.has_value()) return first_;
  lock.unlock();
  Close();
  lock.lock();
  return first_;
}

void MemberStream::Close() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (!ended_ && closed_ns_ == 0) closed_ns_ = NowNs();
  }
  context_.TryCancel();
  if (reader_.joinable()) reader_.join();
}

bool MemberStream::ended() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return ended_;
}
grpc::Status MemberStream::status() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return status_;
}
int64_t MemberStream::ended_ns() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return ended_ns_;
}
int64_t MemberStream::closed_ns() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return closed_ns_;
}
uint64_t MemberStream::epoch() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return epoch_;
}
bool MemberStream::complete() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return complete_;
}
bool MemberStream::parked() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return parked_;
}
WatchLog MemberStream::log() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return log_;
}

}  // namespace ithaca::histories
