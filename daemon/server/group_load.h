// Many streams of groups from one process, without a thread or a parsed message
// for each: what benchmarks and tests at scale are made of.
//
// Threads: callbacks run on gRPC's, one at a time for one stream. Life: a
// stream must be done before it is destroyed (Streams sees to that).
#ifndef ITHACA_DAEMON_SERVER_GROUP_LOAD_H_
#define ITHACA_DAEMON_SERVER_GROUP_LOAD_H_

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "ithaca/groups/v1/groups.grpc.pb.h"

namespace ithaca::server {

// Counts up from any thread.
class Tally {
 public:
  void Add(uint64_t n = 1);
  void WaitFor(uint64_t wanted);
  uint64_t value();

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  uint64_t count_ = 0;   // guarded by mutex_
  uint64_t wanted_ = 0;  // guarded by mutex_
};

// Connections of their own to one daemon.
class Connections {
 public:
  Connections(const std::string& socket, int count);
  grpc::GenericStub* any(size_t i) { return &stubs_[i % stubs_.size()]; }
  groups::v1::GroupsService::Stub* groups() { return groups_.get(); }

 private:
  std::vector<grpc::GenericStub> stubs_;
  std::unique_ptr<groups::v1::GroupsService::Stub> groups_;
};

// What a message of either stream says, read without building it.
struct Glance {
  // Of `group`; 0: there is none.
  uint64_t group_state = 0;
  uint64_t group_sequence = 0;
  bool joined = false;
  struct Event {
    uint64_t sequence = 0;
    uint64_t type = 0;
  };
  std::vector<Event> events;
};
// False: it is no such message.
bool GlanceAt(const grpc::Slice& bytes, Glance* glance);

// A JoinGroup or WatchGroup call.
class LoadStream final
    : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  using OnMessage = std::function<void(const grpc::Slice& bytes)>;

  // `ended` counts calls that are over. Reads nothing until Release when it is
  // not to read.
  LoadStream(grpc::GenericStub* stub, const std::string& method,
             const google::protobuf::MessageLite& request, OnMessage on_message,
             Tally* ended, bool reads);

  void OnReadDone(bool ok) override;
  void OnDone(const grpc::Status& status) override;
  void Cancel() { context_.TryCancel(); }
  // Once.
  void Release();

 private:
  // gRPC hands the object on between threads under locks of its own, which a
  // sanitizer does not see.
  std::atomic<bool> begun_{false};
  const OnMessage on_message_;
  Tally* const ended_;
  grpc::ClientContext context_;
  grpc::ByteBuffer request_;
  grpc::ByteBuffer message_;
};

// Streams that end together.
class Streams {
 public:
  ~Streams() { Finish(); }
  void Join(grpc::GenericStub* stub,
            const groups::v1::JoinGroupRequest& request,
            LoadStream::OnMessage on_message);
  void Watch(grpc::GenericStub* stub, const std::string& group_id,
             uint64_t after, LoadStream::OnMessage on_message);
  // Its stream must be released in the end.
  void WatchLater(grpc::GenericStub* stub, const std::string& group_id,
                  LoadStream::OnMessage on_message);
  LoadStream* at(size_t i) { return streams_[i].get(); }
  size_t size() const { return streams_.size(); }
  // Cancels all and waits until they are done.
  void Finish();

 private:
  Tally ended_;
  // Of earlier rounds.
  uint64_t begun_ = 0;
  std::vector<std::unique_ptr<LoadStream>> streams_;
};

// Makes a group with that many slots.
grpc::Status CreateGroupOf(groups::v1::GroupsService::Stub* stub,
                           const std::string& group_id, int members);
grpc::Status DeleteGroup(groups::v1::GroupsService::Stub* stub,
                         const std::string& group_id);

}  // namespace ithaca::server

#endif  // ITHACA_DAEMON_SERVER_GROUP_LOAD_H_
