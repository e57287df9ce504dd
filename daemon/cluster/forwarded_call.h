// One call on its way through this daemon, as bytes: from whoever made it
// ("down") to the coordinator of the groups ("up").
//
// One message at a time in each direction: the next is read when the last was
// taken, so that a slow reader slows the writer down, whatever lies between
// them. The call ends when up ends it, with up's status and its details; when
// down goes away; or when the forwarder says so (End).
//
// A JoinGroup stays open upwards after its request. When a local member's
// stream ends, a farewell says why (forward.proto) before the call is
// cancelled; a cancellation without one means that the link between the daemons
// broke.
//
// Used by Forwarder. Threads: any; events are handled under one mutex, and gRPC
// is called in order, by one thread at a time, without it. Life: shared by the
// two gRPC calls, the alarm and the forwarder; gone after the last of them.
#ifndef ITHACA_DAEMON_CLUSTER_FORWARDED_CALL_H_
#define ITHACA_DAEMON_CLUSTER_FORWARDED_CALL_H_

#include <grpcpp/alarm.h>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/generic/generic_stub.h>

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "daemon/cluster/stream_fates.h"

namespace ithaca::cluster {

class ForwardedCall : public std::enable_shared_from_this<ForwardedCall> {
 public:
  struct Options {
    std::string method;
    // Metadata of the call upwards.
    std::string caller;
    // Down is another daemon; else a local user.
    bool from_daemon = false;
    // It is a JoinGroup.
    bool is_membership = false;
    std::chrono::system_clock::time_point deadline;
    // How long up may take to end a stream after its farewell.
    int64_t farewell_ms = 1000;
    // Must outlive the call.
    StreamFates* fates = nullptr;
    // Once, when gRPC is done with down and up; nothing of the call is used
    // after it.
    std::function<void()> on_gone;
  };
  struct Target {
    std::shared_ptr<grpc::Channel> channel;
    // The groups are in this process.
    bool here = false;
  };

  explicit ForwardedCall(Options options);
  ~ForwardedCall();

  // What gRPC is to be given for down. Once, first.
  grpc::ServerGenericBidiReactor* Down();

  // Sends it on. At most once.
  void Begin(Target target);

  // Down gets this status, and up is told, or left to guess, why.
  void End(const grpc::Status& status, groups::StreamFate fate);
  // End, after `ms`, if it has not begun by then.
  void EndUnlessBegun(int64_t ms, const grpc::Status& status);

  const std::string& method() const { return options_.method; }

 private:
  class DownReactor;
  class UpReactor;
  // What gRPC is to be asked for.
  enum class Op {
    kReadDown,
    kWriteDown,
    kFinishDown,
    kStartUp,
    kReadUp,
    kWriteUp,
    kWritesDoneUp,
    kFarewellUp,
    kReleaseUp,
    kCancelUp,
    kFarewellAlarm,
  };
  using Lock = std::unique_lock<std::mutex>;

  void OnDownRead(bool ok);
  void OnDownWritten(bool ok);
  void OnDownCancelled();
  void OnUpRead(bool ok);
  void OnUpWritten(bool ok);
  void OnUpDone(const grpc::Status& status);
  void OnFarewellLate();

  // All with the mutex held.
  void EndLocked(const grpc::Status& status, groups::StreamFate fate);
  void CancelUp();
  void SayFarewell();
  void FinishDownIfIdle();
  bool UpIsOpen() const { return up_started_ && !up_done_ && !up_released_; }
  // Does what is in todo_, unless another thread is at it.
  void Work(Lock* lock);
  // Without the mutex.
  void Do(Op op);
  void StartUp();

  const Options options_;
  // Each in the hands of the one operation that reads into it or writes from
  // it.
  grpc::ByteBuffer request_;
  grpc::ByteBuffer response_;
  grpc::ByteBuffer farewell_bytes_;
  grpc::ClientContext up_context_;
  std::unique_ptr<grpc::GenericStub> stub_;
  // They delete themselves; used by whoever does what is in todo_.
  DownReactor* down_ = nullptr;
  UpReactor* up_ = nullptr;

  std::mutex mutex_;
  // All below guarded by mutex_.
  std::deque<Op> todo_;
  bool working_ = false;
  // Set before kStartUp, and not again.
  Target target_;
  uint64_t stream_ = 0;
  bool begun_ = false;
  bool requested_ = false;
  bool writing_down_ = false;
  bool finished_down_ = false;
  bool up_started_ = false;
  bool writing_up_ = false;
  bool up_released_ = false;
  bool up_done_ = false;
  // What down gets.
  std::optional<grpc::Status> end_;
  // What is to be told up, once it can be.
  std::optional<groups::StreamFate> farewell_;
  // Their callbacks hold no share of the call: an alarm keeps its callback.
  grpc::Alarm farewell_alarm_;
  grpc::Alarm begin_alarm_;
};

}  // namespace ithaca::cluster

#endif  // ITHACA_DAEMON_CLUSTER_FORWARDED_CALL_H_
