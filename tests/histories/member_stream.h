// A JoinGroup stream and what it told, for a group actor.
//
// Used by GroupActor. Threads: one of its own reads; every method from any.
// Life: from Open to Close or the destructor.
#ifndef ITHACA_TESTS_HISTORIES_MEMBER_STREAM_H_
#define ITHACA_TESTS_HISTORIES_MEMBER_STREAM_H_

#include <grpcpp/grpcpp.h>

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "ithaca/groups/v1/groups.grpc.pb.h"
#include "tests/histories/watch_rules.h"

namespace ithaca::histories {

class MemberStream {
 public:
  // `watcher` names it in the log of what it was told.
  MemberStream(groups::v1::GroupsService::Stub* stub,
               const groups::v1::JoinGroupRequest& request,
               std::string watcher);
  ~MemberStream() { Close(); }

  // Waits for the first message or the end. The message; or nothing, and
  // status() says why.
  std::optional<groups::v1::JoinGroupResponse> First(int64_t timeout_ms);
  // Ends it and waits for its end. The caller's Close, not the daemon's end, is
  // what ended it when closed_ns() is not 0.
  void Close();

  bool ended() const;
  // After its end.
  grpc::Status status() const;
  int64_t ended_ns() const;
  int64_t closed_ns() const;
  // As told last.
  uint64_t epoch() const;
  bool complete() const;
  bool parked() const;
  // What it was told. After its end.
  WatchLog log() const;

 private:
  void Read();
  void Take(const groups::v1::JoinGroupResponse& message);

  groups::v1::GroupsService::Stub* const stub_;
  const groups::v1::JoinGroupRequest request_;
  grpc::ClientContext context_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  // All below guarded by mutex_.
  std::optional<groups::v1::JoinGroupResponse> first_;
  bool ended_ = false;
  grpc::Status status_;
  int64_t ended_ns_ = 0;
  int64_t closed_ns_ = 0;
  uint64_t epoch_ = 0;
  bool complete_ = false;
  bool parked_ = false;
  WatchLog log_;

  std::thread reader_;
};

// A message's part of a log: the whole with the events that come along, or the
// events.
void LogMessage(
    const groups::v1::Group* group,
    const google::protobuf::RepeatedPtrField<groups::v1::GroupEvent>& events,
    WatchLog* log);

}  // namespace ithaca::histories

#endif  // ITHACA_TESTS_HISTORIES_MEMBER_STREAM_H_
