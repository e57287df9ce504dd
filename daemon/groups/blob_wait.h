// A GetBlob call, which may wait, over gRPC's callback API.
//
// Used by GroupsService. Threads: Complete and Abandon, one of them once, from
// one thread; hooks run on gRPC's. Life: on_done is the last call of all, and
// whoever gets it deletes the object.
#ifndef ITHACA_DAEMON_GROUPS_BLOB_WAIT_H_
#define ITHACA_DAEMON_GROUPS_BLOB_WAIT_H_

#include <grpcpp/support/server_callback.h>

#include <functional>
#include <utility>

#include "daemon/groups/rpc_status.h"
#include "daemon/groups/types.h"
#include "ithaca/groups/v1/groups.pb.h"

namespace ithaca::groups {

class BlobWait : public grpc::ServerUnaryReactor {
 public:
  struct Hooks {
    // The caller is gone.
    std::function<void()> on_cancel;
    std::function<void()> on_done;
  };

  explicit BlobWait(v1::GetBlobResponse* response) : response_(response) {}

  // Before gRPC sees the object.
  void SetHooks(Hooks hooks) { hooks_ = std::move(hooks); }

  void Complete(const Result<Blob>& blob) {
    if (!blob.ok()) return Finish(ToRpcStatus(blob.refusal()));
    response_->set_data(*blob.value().data);
    response_->set_publisher_slot(blob.value().publisher_slot);
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
  v1::GetBlobResponse* const response_;
  Hooks hooks_;
};

}  // namespace ithaca::groups

#endif  // ITHACA_DAEMON_GROUPS_BLOB_WAIT_H_
