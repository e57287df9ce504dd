#include "daemon/store/etcd/etcd_store.h"

#include <algorithm>
#include <mutex>
#include <numeric>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/store/etcd/client.h"
#include "daemon/store/etcd/etcd_watch.h"
#include "daemon/store/etcd/janitor.h"
#include "daemon/store/etcd/kept_lease.h"
#include "daemon/store/etcd/layout.h"
#include "daemon/store/etcd/reader.h"
#include "daemon/store/etcd/session.h"

namespace ithaca::store::etcd {
namespace {

using etcdserverpb::TxnRequest;
using etcdserverpb::TxnResponse;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

class EtcdStore : public Store {
 public:
  EtcdStore(std::unique_ptr<Client> client, const std::string& prefix)
      : client_(std::move(client)),
        layout_(prefix),
        reader_(client_.get(), &layout_),
        janitor_(client_.get(), &layout_) {}
  ~EtcdStore() override;

  absl::StatusOr<std::optional<KeyValue>> Get(std::string_view key) override;
  absl::StatusOr<ListResult> List(std::string_view prefix,
                                  std::string_view after,
                                  size_t limit) override;
  absl::StatusOr<TxnResult> Txn(const std::vector<Compare>& compares,
                                const std::vector<Op>& ops) override;
  absl::StatusOr<int64_t> Revision() override;
  absl::StatusOr<std::unique_ptr<WatchHandle>> Watch(
      std::string_view prefix, int64_t after, WatchCallback callback) override;
  absl::StatusOr<std::unique_ptr<Lease>> Grant(milliseconds ttl,
                                               LeaseLost lost) override;

 private:
  // A slot through which a write may still come.
  struct Unsettled {
    std::shared_ptr<Session> session;
    Slot* held = nullptr;
    // As it was when the write was sent.
    Slot slot;
  };
  // A transaction on its way.
  struct Attempt {
    TxnRequest request;
    // Bases of the pieces that it wrote.
    std::vector<std::string> pieces;
  };

  absl::StatusOr<std::shared_ptr<Session>> CurrentSession(Time deadline);
  void Forget(const std::shared_ptr<Session>& session);
  // REQUIRES before every reading: nothing that was given up comes later.
  absl::Status SettleAll(Time deadline);

  absl::StatusOr<TxnResult> CompareOnly(const std::vector<Compare>& compares,
                                        Time deadline);
  absl::StatusOr<Attempt> Prepare(const std::vector<Compare>& compares,
                                  const std::vector<Op>& ops, Session* session,
                                  Time deadline);
  absl::StatusOr<std::string> WritePieces(const Op& op, Session* session,
                                          std::vector<std::string>* bases,
                                          Time deadline);
  // One attempt; nothing: it was not done, and is worth another one.
  std::optional<absl::StatusOr<TxnResult>> TryTxn(
      const std::vector<Compare>& compares, const std::vector<Op>& ops,
      milliseconds timeout, Time deadline);
  std::optional<absl::StatusOr<TxnResult>> Conclude(
      const std::shared_ptr<Session>& session, const std::vector<Op>& ops,
      Slot* slot, const WriteResult& written, Time deadline);
  std::optional<absl::StatusOr<TxnResult>> Refused(
      const std::shared_ptr<Session>& session, const std::vector<Op>& ops,
      const grpc::Status& status, Time deadline);
  void DiscardReplaced(const TxnResponse& response);

  const std::unique_ptr<Client> client_;
  const Layout layout_;
  const Reader reader_;
  Janitor janitor_;
  std::mutex mutex_;
  std::shared_ptr<Session> session_;  // guarded by mutex_
  std::vector<Unsettled> unsettled_;  // guarded by mutex_
};

EtcdStore::~EtcdStore() {
  if (session_ != nullptr) session_->End();
}

absl::StatusOr<std::shared_ptr<Session>> EtcdStore::CurrentSession(
    Time deadline) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (session_ != nullptr && !session_->lost()) return session_;
  auto session = Session::Begin(client_.get(), &layout_, deadline);
  if (session.ok()) session_ = *session;
  return session;
}

void EtcdStore::Forget(const std::shared_ptr<Session>& session) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (session_ == session) session_ = nullptr;
}

absl::Status EtcdStore::SettleAll(Time deadline) {
  for (;;) {
    Unsettled next;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      if (unsettled_.empty()) return absl::OkStatus();
      next = unsettled_.back();
    }
    // Two threads may settle one slot; it is released once.
    const absl::Status status = next.session->Settle(next.slot, deadline);
    if (!status.ok()) return status;
    std::lock_guard<std::mutex> lock(mutex_);
    const auto still =
        std::find_if(unsettled_.begin(), unsettled_.end(),
                     [&](const Unsettled& u) { return u.held == next.held; });
    if (still == unsettled_.end()) continue;
    unsettled_.erase(still);
    next.held->revision = 0;
    next.session->Release(next.held);
  }
}

absl::StatusOr<std::optional<KeyValue>> EtcdStore::Get(std::string_view key) {
  if (absl::Status status = ValidateKey(key); !status.ok()) return status;
  const Time deadline = client_->Deadline();
  if (absl::Status status = SettleAll(deadline); !status.ok()) return status;
  return reader_.Get(key, deadline);
}

absl::StatusOr<ListResult> EtcdStore::List(std::string_view prefix,
                                           std::string_view after,
                                           size_t limit) {
  if (limit == 0)
    return absl::InvalidArgumentError("store: a listing of 0 entries");
  const Time deadline = client_->Deadline();
  if (absl::Status status = SettleAll(deadline); !status.ok()) return status;
  absl::StatusOr<ListResult> page =
      reader_.List(prefix, after, limit, 0, deadline);
  // A large value was compacted away between its entry and its pieces.
  if (absl::IsOutOfRange(page.status()))
    page = reader_.List(prefix, after, limit, 0, deadline);
  return page;
}

absl::StatusOr<int64_t> EtcdStore::Revision() {
  const Time deadline = client_->Deadline();
  if (absl::Status status = SettleAll(deadline); !status.ok()) return status;
  return reader_.Revision(deadline);
}

void AddCompares(const std::vector<Compare>& compares, const Layout& layout,
                 TxnRequest* request) {
  for (const Compare& compare : compares) {
    auto* add = request->add_compare();
    add->set_result(etcdserverpb::Compare::EQUAL);
    add->set_target(etcdserverpb::Compare::MOD);
    add->set_key(layout.Entry(compare.key));
    add->set_mod_revision(compare.mod_revision);
  }
}

absl::StatusOr<TxnResult> EtcdStore::CompareOnly(
    const std::vector<Compare>& compares, Time deadline) {
  TxnRequest request;
  AddCompares(compares, layout_, &request);
  // Something to read, or etcd answers without asking its leader.
  for (auto* branch : {request.mutable_success(), request.mutable_failure()}) {
    auto* range = branch->Add()->mutable_request_range();
    range->set_key(layout_.Entry(""));
    range->set_count_only(true);
  }
  TxnResponse response;
  const absl::Status status = client_->Call(
      [&](const Endpoint& endpoint, grpc::ClientContext* context) {
        return endpoint.kv->Txn(context, request, &response);
      },
      deadline);
  if (!status.ok()) return status;
  return TxnResult{response.succeeded(), response.header().revision()};
}

// Which values are put in pieces: those that are large, and the largest until
// the others fit into one request.
std::vector<bool> ChooseForPieces(const std::vector<Op>& ops) {
  std::vector<size_t> by_size(ops.size());
  std::iota(by_size.begin(), by_size.end(), size_t{0});
  std::sort(by_size.begin(), by_size.end(), [&ops](size_t a, size_t b) {
    return ops[a].value.size() > ops[b].value.size();
  });
  size_t total = 0;
  for (const Op& op : ops) total += op.value.size();
  std::vector<bool> chosen(ops.size(), false);
  for (size_t i : by_size) {
    const size_t size = ops[i].value.size();
    if (size <= kInlineBytes && total <= kInlineTxnBytes) break;
    chosen[i] = true;
    total -= size;
  }
  return chosen;
}

absl::StatusOr<std::string> EtcdStore::WritePieces(
    const Op& op, Session* session, std::vector<std::string>* bases,
    Time deadline) {
  Pieces pieces;
  pieces.base = PiecesBase(session->writer(), session->NextNumber(), op.key);
  pieces.bytes = op.value.size();
  bases->push_back(pieces.base);
  for (size_t at = 0; at < op.value.size(); at += kPieceBytes) {
    etcdserverpb::PutRequest request;
    request.set_key(layout_.Piece(pieces.base, pieces.count++));
    request.set_value(op.value.substr(at, kPieceBytes));
    const absl::Status status = client_->Call(
        [&](const Endpoint& endpoint, grpc::ClientContext* context) {
          etcdserverpb::PutResponse response;
          return endpoint.kv->Put(context, request, &response);
        },
        deadline);
    if (!status.ok()) return status;
  }
  return EncodePieces(pieces);
}

absl::StatusOr<EtcdStore::Attempt> EtcdStore::Prepare(
    const std::vector<Compare>& compares, const std::vector<Op>& ops,
    Session* session, Time deadline) {
  Attempt attempt;
  AddCompares(compares, layout_, &attempt.request);
  const std::vector<bool> in_pieces = ChooseForPieces(ops);
  for (size_t i = 0; i < ops.size(); ++i) {
    const Op& op = ops[i];
    auto* add = attempt.request.add_success();
    if (op.kind != Op::Kind::kPut) {
      auto* erase = add->mutable_request_delete_range();
      erase->set_key(layout_.Entry(op.key));
      if (op.kind == Op::Kind::kDeletePrefix)
        erase->set_range_end(PrefixEnd(erase->key()));
      erase->set_prev_kv(true);
      continue;
    }
    auto* put = add->mutable_request_put();
    put->set_key(layout_.Entry(op.key));
    put->set_lease(op.lease);
    put->set_prev_kv(true);
    if (!in_pieces[i]) {
      put->set_value(EncodeInline(op.value));
      continue;
    }
    auto pointer = WritePieces(op, session, &attempt.pieces, deadline);
    if (!pointer.ok()) {
      for (std::string& base : attempt.pieces)
        janitor_.Discard(std::move(base));
      return pointer.status();
    }
    put->set_value(std::move(*pointer));
  }
  return attempt;
}

// The pieces of what the transaction replaced or deleted.
void EtcdStore::DiscardReplaced(const TxnResponse& response) {
  const auto discard = [this](const mvccpb::KeyValue& entry) {
    auto envelope = DecodeEnvelope(entry.value());
    if (envelope.ok() && envelope->pieces.has_value())
      janitor_.Discard(std::move(envelope->pieces->base));
  };
  for (const auto& each : response.responses()) {
    if (each.has_response_put() && each.response_put().has_prev_kv())
      discard(each.response_put().prev_kv());
    for (const auto& entry : each.response_delete_range().prev_kvs())
      discard(entry);
  }
}

std::optional<absl::StatusOr<TxnResult>> EtcdStore::Refused(
    const std::shared_ptr<Session>& session, const std::vector<Op>& ops,
    const grpc::Status& status, Time deadline) {
  if (status.error_code() != grpc::StatusCode::NOT_FOUND)
    return client_->Explain(status);
  // A lease is not there: the caller's, or the session's.
  const auto there = session->LeaseIsThere(deadline);
  if (!there.ok()) return there.status();
  if (!*there) {
    Forget(session);
    return std::nullopt;
  }
  for (const Op& op : ops) {
    if (op.lease != 0) return LeaseNotFound(op.lease);
  }
  return client_->Explain(status);
}

std::optional<absl::StatusOr<TxnResult>> EtcdStore::Conclude(
    const std::shared_ptr<Session>& session, const std::vector<Op>& ops,
    Slot* slot, const WriteResult& written, Time deadline) {
  if (written.outcome == Outcome::kUnknown) {
    std::lock_guard<std::mutex> lock(mutex_);
    unsettled_.push_back({session, slot, *slot});
  } else {
    session->Release(slot);
  }
  switch (written.outcome) {
    case Outcome::kCommitted:
      DiscardReplaced(written.response);
      return TxnResult{true, written.revision};
    case Outcome::kNotHeld:
      return TxnResult{false, written.revision};
    case Outcome::kRefused:
      return Refused(session, ops, written.status, deadline);
    case Outcome::kSlotGone:
      Forget(session);
      return std::nullopt;
    case Outcome::kNever:
      if (steady_clock::now() < deadline) return std::nullopt;
      return client_->Explain(written.status);
    case Outcome::kUnknownButOver:
      Forget(session);
      [[fallthrough]];
    case Outcome::kUnknown:
      break;
  }
  return client_->Explain(
      {grpc::StatusCode::UNAVAILABLE,
       absl::StrCat("no answer to a write, which may have been done (",
                    written.status.error_message(), ")")});
}

std::optional<absl::StatusOr<TxnResult>> EtcdStore::TryTxn(
    const std::vector<Compare>& compares, const std::vector<Op>& ops,
    milliseconds timeout, Time deadline) {
  const auto session = CurrentSession(deadline);
  if (!session.ok()) return session.status();
  const auto slot = (*session)->Acquire(deadline);
  if (absl::IsNotFound(slot.status())) {
    Forget(*session);
    return std::nullopt;
  }
  if (!slot.ok()) return slot.status();
  auto attempt = Prepare(compares, ops, session->get(), deadline);
  if (!attempt.ok()) {
    (*session)->Release(*slot);
    return attempt.status();
  }
  const WriteResult written =
      (*session)->Write(*slot, attempt->request, timeout, deadline);
  const bool may_be_named = written.outcome == Outcome::kCommitted ||
                            written.outcome == Outcome::kUnknown ||
                            written.outcome == Outcome::kUnknownButOver;
  if (!may_be_named) {
    for (std::string& base : attempt->pieces) janitor_.Discard(std::move(base));
  }
  return Conclude(*session, ops, *slot, written, deadline);
}

absl::StatusOr<TxnResult> EtcdStore::Txn(const std::vector<Compare>& compares,
                                         const std::vector<Op>& ops) {
  if (absl::Status status = ValidateTxn(compares, ops); !status.ok())
    return status;
  const Time deadline = client_->Deadline();
  if (absl::Status status = SettleAll(deadline); !status.ok()) return status;
  if (ops.empty()) return CompareOnly(compares, deadline);
  for (milliseconds timeout = client_->attempt_timeout();; timeout *= 2) {
    const auto done = TryTxn(compares, ops, timeout, deadline);
    if (done.has_value()) return *done;
    if (steady_clock::now() >= deadline) {
      return client_->Explain(
          {grpc::StatusCode::UNAVAILABLE, "the write was not done in time"});
    }
  }
}

absl::StatusOr<std::unique_ptr<WatchHandle>> EtcdStore::Watch(
    std::string_view prefix, int64_t after, WatchCallback callback) {
  return std::make_unique<EtcdWatch>(client_.get(), &layout_, &reader_,
                                     std::string(prefix), after,
                                     std::move(callback));
}

absl::StatusOr<std::unique_ptr<Lease>> EtcdStore::Grant(milliseconds ttl,
                                                        LeaseLost lost) {
  if (absl::Status status = ValidateTtl(ttl); !status.ok()) return status;
  return KeptLease::Grant(client_.get(), ttl, std::move(lost));
}

// Asks every member, so that one old one among new ones is seen. `patient`:
// waits for connections, which proceed only while a call waits for them.
absl::Status CheckMembers(Client* client, milliseconds timeout, bool patient) {
  grpc::Status last;
  bool answered = false;
  std::vector<std::string> silent;
  for (size_t i = 0; i < client->size(); ++i) {
    const Endpoint& endpoint = client->endpoint(i);
    grpc::ClientContext context;
    Client::Prepare(&context, steady_clock::now() + timeout);
    context.set_wait_for_ready(patient);
    etcdserverpb::StatusResponse response;
    const grpc::Status status =
        endpoint.maintenance->Status(&context, {}, &response);
    if (!status.ok()) {
      last = {status.error_code(),
              absl::StrCat(endpoint.name, ": ", status.error_message())};
      silent.push_back(last.error_message());
      client->Avoid(i);
      continue;
    }
    answered = true;
    const std::string warning =
        VersionWarning(endpoint.name, response.version());
    if (!warning.empty()) client->Log(warning);
  }
  if (!answered) return client->Explain(last);
  for (const std::string& member : silent) {
    client->Log(absl::StrCat("store etcd: ", member,
                             "; goes on with the other members"));
  }
  return absl::OkStatus();
}

// Hosts that start together are not there in any order.
absl::Status WaitForMembers(Client* client, const Options& options) {
  constexpr milliseconds kBetweenRounds(200), kBetweenWords(5000);
  const Time until = steady_clock::now() + options.open_timeout;
  Time next_word = steady_clock::now();
  for (bool patient = false;; patient = true) {
    const absl::Status status =
        CheckMembers(client, options.attempt_timeout, patient);
    const Time now = steady_clock::now();
    if (!absl::IsUnavailable(status) || now + kBetweenRounds >= until)
      return status;
    if (now >= next_word) {
      client->Log(absl::StrCat(
          "waits for the store, at most ",
          std::chrono::duration_cast<milliseconds>(until - now).count(),
          " ms more: ", status.message()));
      next_word = now + kBetweenWords;
    }
    std::this_thread::sleep_for(kBetweenRounds);
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> OpenEtcdStore(const Options& options) {
  auto client = Client::Make(options);
  if (!client.ok()) return client.status();
  const absl::Status status = WaitForMembers(client->get(), options);
  if (!status.ok()) return status;
  return std::unique_ptr<Store>(
      std::make_unique<EtcdStore>(std::move(*client), options.prefix));
}

}  // namespace ithaca::store::etcd
