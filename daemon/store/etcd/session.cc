#include "daemon/store/etcd/session.h"

#include <random>
#include <utility>

#include "absl/strings/str_format.h"

namespace ithaca::store::etcd {
namespace {

using etcdserverpb::TxnRequest;
using etcdserverpb::TxnResponse;
using std::chrono::milliseconds;

// Much longer than any call: a slot must be there when its write is looked for.
constexpr std::chrono::minutes kLeaseTime(10);
// Writes in flight at once.
constexpr size_t kMaxSlots = 16;

std::string NewWriter() {
  std::random_device random;
  return absl::StrFormat("%08x%08x", random(), random());
}

Rpc TxnRpc(const TxnRequest& request, TxnResponse* response) {
  return [&request, response](const Endpoint& endpoint,
                              grpc::ClientContext* context) {
    return endpoint.kv->Txn(context, request, response);
  };
}

void AddSwap(const Slot& slot, const std::string& value, int64_t lease,
             TxnRequest* request) {
  auto* compare = request->add_compare();
  compare->set_result(etcdserverpb::Compare::EQUAL);
  compare->set_target(etcdserverpb::Compare::MOD);
  compare->set_key(slot.key);
  compare->set_mod_revision(slot.revision);
  auto* put = request->add_success()->mutable_request_put();
  put->set_key(slot.key);
  put->set_value(value);
  put->set_lease(lease);
  request->add_failure()->mutable_request_range()->set_key(slot.key);
}

// The slot as a response read it that did not succeed; null: it is not there.
const mvccpb::KeyValue* SlotIn(const TxnResponse& response) {
  if (response.responses_size() == 0) return nullptr;
  const auto& range =
      response.responses(response.responses_size() - 1).response_range();
  return range.kvs_size() == 0 ? nullptr : &range.kvs(0);
}

}  // namespace

absl::StatusOr<std::shared_ptr<Session>> Session::Begin(Client* client,
                                                        const Layout* layout,
                                                        Time deadline) {
  std::shared_ptr<Session> session(new Session(client, layout, NewWriter()));
  auto lease = KeptLease::Grant(client, kLeaseTime, nullptr);
  if (!lease.ok()) return lease.status();
  session->lease_ = std::move(*lease);
  etcdserverpb::PutRequest request;
  request.set_key(layout->Writer(session->writer_));
  request.set_lease(session->lease_->id());
  const absl::Status status = client->Call(
      [&](const Endpoint& endpoint, grpc::ClientContext* context) {
        etcdserverpb::PutResponse response;
        return endpoint.kv->Put(context, request, &response);
      },
      deadline);
  if (!status.ok()) return status;
  return session;
}

absl::StatusOr<Slot*> Session::Acquire(Time deadline) {
  Slot* slot = nullptr;
  {
    std::unique_lock<std::mutex> lock(mutex_);
    if (free_.empty() && slots_.size() < kMaxSlots) {
      slots_.push_back(std::make_unique<Slot>());
      slots_.back()->key = layout_->Slot(writer_, slots_.size() - 1);
      free_.push_back(slots_.back().get());
    }
    if (!free_changed_.wait_until(lock, deadline,
                                  [this] { return !free_.empty(); })) {
      return client_->Explain({grpc::StatusCode::UNAVAILABLE,
                               "too many writes wait for an answer"});
    }
    slot = free_.back();
    free_.pop_back();
  }
  if (slot->revision != 0) return slot;
  if (absl::Status status = FirstWrite(slot, deadline); !status.ok()) {
    Release(slot);
    return status;
  }
  return slot;
}

void Session::Release(Slot* slot) {
  std::lock_guard<std::mutex> lock(mutex_);
  free_.push_back(slot);
  free_changed_.notify_one();
}

absl::Status Session::FirstWrite(Slot* slot, Time deadline) {
  const auto response = Swap(*slot, "new", deadline);
  if (!response.ok()) return response.status();
  // It may be there: from a first write whose answer was lost, or as settled.
  const mvccpb::KeyValue* now = SlotIn(*response);
  slot->revision = response->succeeded() || now == nullptr
                       ? response->header().revision()
                       : now->mod_revision();
  return absl::OkStatus();
}

WriteResult Session::Write(Slot* slot, const TxnRequest& request,
                           milliseconds timeout, Time deadline) {
  TxnRequest full = request;
  const std::string id = NewId();
  AddSwap(*slot, id, lease_->id(), &full);
  TxnResponse response;
  const grpc::Status status =
      client_->Once(TxnRpc(full, &response), deadline, timeout);
  if (status.ok()) return Understand(slot, std::move(response));
  if (Classify(status) == Failure::kRefused)
    return {Outcome::kRefused, 0, status, {}};
  // As long as a call may take, whatever the write itself took.
  WriteResult result = FindOut(slot, id, client_->Deadline());
  result.status = status;
  return result;
}

WriteResult Session::Understand(Slot* slot, TxnResponse response) const {
  const int64_t revision = response.header().revision();
  if (response.succeeded()) {
    slot->revision = revision;
    return {Outcome::kCommitted, revision, {}, std::move(response)};
  }
  const mvccpb::KeyValue* now = SlotIn(response);
  const bool gone = now == nullptr || now->mod_revision() != slot->revision;
  return {gone ? Outcome::kSlotGone : Outcome::kNotHeld, revision, {}, {}};
}

absl::StatusOr<TxnResponse> Session::Swap(const Slot& slot,
                                          const std::string& value,
                                          Time deadline) {
  TxnRequest request;
  AddSwap(slot, value, lease_->id(), &request);
  TxnResponse response;
  const absl::Status status =
      client_->Call(TxnRpc(request, &response), deadline);
  if (!status.ok()) return status;
  return response;
}

WriteResult Session::FindOut(Slot* slot, const std::string& id, Time deadline) {
  const auto response = Swap(*slot, "settled", deadline);
  // Without the lease the slot is gone, and no write through it holds.
  if (absl::IsNotFound(response.status()))
    return {Outcome::kUnknownButOver, 0, {}, {}};
  if (!response.ok()) return {Outcome::kUnknown, 0, {}, {}};
  if (response->succeeded()) {
    slot->revision = response->header().revision();
    return {Outcome::kNever, 0, {}, {}};
  }
  const mvccpb::KeyValue* now = SlotIn(*response);
  if (now == nullptr) return {Outcome::kUnknownButOver, 0, {}, {}};
  slot->revision = now->mod_revision();
  // Otherwise settled, by an attempt whose own answer was lost.
  return {now->value() == id ? Outcome::kCommitted : Outcome::kNever,
          slot->revision,
          {},
          {}};
}

absl::Status Session::Settle(const Slot& slot, Time deadline) {
  const absl::Status status = Swap(slot, "settled", deadline).status();
  return absl::IsNotFound(status) ? absl::OkStatus() : status;
}

absl::StatusOr<bool> Session::LeaseIsThere(Time deadline) {
  etcdserverpb::LeaseTimeToLiveRequest request;
  request.set_id(lease_->id());
  etcdserverpb::LeaseTimeToLiveResponse response;
  const absl::Status status = client_->Call(
      [&](const Endpoint& endpoint, grpc::ClientContext* context) {
        return endpoint.lease->LeaseTimeToLive(context, request, &response);
      },
      deadline);
  if (absl::IsNotFound(status)) return false;
  if (!status.ok()) return status;
  return response.ttl() > 0;
}

}  // namespace ithaca::store::etcd
