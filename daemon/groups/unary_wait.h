// A call that may wait (GetBlob, Barrier, Commit), over gRPC's callback API.
//
// Used by GroupsService. Threads: Complete and Abandon, one of them once, from
// one thread; hooks run on gRPC's. Life: on_done is the last call of all, and
// whoever gets it deletes the object.
#ifndef ITHACA_DAEMON_GROUPS_UNARY_WAIT_H_
#define ITHACA_DAEMON_GROUPS_UNARY_WAIT_H_

#include <grpcpp/support/server_callback.h>

#include <functional>
#include <utility>

#include "daemon/groups/rpc_status.h"
#include "daemon/groups/types.h"

namespace ithaca::groups {

class UnaryWait : public grpc::ServerUnaryReactor {
 public:
  struct Hooks {
    // The caller is gone.
    std::function<void()> on_cancel;
    std::function<void()> on_done;
  };
  // Writes what was waited for into the response.
  using Fill = std::function<void(const Waited&)>;

  explicit UnaryWait(Fill fill) : fill_(std::move(fill)) {}

  // Before gRPC sees the object.
  void SetHooks(Hooks hooks) { hooks_ = std::move(hooks); }

  void Complete(const Result<Waited>& waited) {
    if (!waited.ok()) return Finish(ToRpcStatus(waited.refusal()));
    fill_(waited.value());
    Finish(grpc::Status::OK);
  }
  // Nobody waits for the answer.
  void Abandon() { Finish(grpc::Status::CANCELLED); }

  void OnCancel() override { hooks_.on_cancel(); }
  void OnDone() override {
    // The hook may delete this object while it runs.
    const std::function<void()> done = std::move(hooks_.on_done);
    done();
  }

 private:
  const Fill fill_;
  Hooks hooks_;
};

}  // namespace ithaca::groups

#endif  // ITHACA_DAEMON_GROUPS_UNARY_WAIT_H_
