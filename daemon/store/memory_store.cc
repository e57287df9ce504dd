#include "daemon/store/memory_store.h"

#include <limits>
#include <utility>

namespace ithaca::store {

MemoryStore::MemoryStore()
    : hub_(0,
           [this](const std::string& prefix) {
             return List(prefix, "", std::numeric_limits<size_t>::max());
           }),
      leases_([this](int64_t lease) { return DropLease(lease); }) {}

absl::StatusOr<std::optional<KeyValue>> MemoryStore::Get(std::string_view key) {
  if (absl::Status status = ValidateKey(key); !status.ok()) return status;
  std::lock_guard<std::mutex> lock(mutex_);
  const auto found = entries_.find(key);
  if (found == entries_.end()) return std::optional<KeyValue>();
  return std::optional<KeyValue>(found->second);
}

absl::StatusOr<ListResult> MemoryStore::List(std::string_view prefix,
                                             std::string_view after,
                                             size_t limit) {
  if (limit == 0)
    return absl::InvalidArgumentError("store: a listing of 0 entries");
  std::lock_guard<std::mutex> lock(mutex_);
  ListResult result;
  result.revision = revision_;
  auto it = after > prefix ? entries_.upper_bound(after)
                           : entries_.lower_bound(prefix);
  // A prefix that is a key itself may be what the caller saw last.
  if (!after.empty() && after == prefix) it = entries_.upper_bound(after);
  for (;
       it != entries_.end() && it->first.compare(0, prefix.size(), prefix) == 0;
       ++it) {
    if (result.entries.size() == limit) {
      result.more = true;
      break;
    }
    result.entries.push_back(it->second);
  }
  return result;
}

void MemoryStore::Erase(const std::string& key,
                        std::vector<WatchEvent>* events) {
  if (entries_.erase(key) == 0) return;
  events->push_back(
      {WatchEvent::Kind::kDelete, KeyValue{key, "", 0, revision_, 0}});
}

void MemoryStore::Apply(const Op& op, std::vector<WatchEvent>* events) {
  if (op.kind == Op::Kind::kDelete) {
    Erase(op.key, events);
  } else if (op.kind == Op::Kind::kPut) {
    KeyValue& entry = entries_[op.key];
    if (entry.create_revision == 0) entry.create_revision = revision_;
    entry.key = op.key;
    entry.value = op.value;
    entry.mod_revision = revision_;
    entry.lease = op.lease;
    events->push_back({WatchEvent::Kind::kPut, entry});
  } else {
    for (auto it = entries_.lower_bound(op.key);
         it != entries_.end() &&
         it->first.compare(0, op.key.size(), op.key) == 0;) {
      Erase(std::string((it++)->first), events);
    }
  }
}

absl::StatusOr<TxnResult> MemoryStore::Txn(const std::vector<Compare>& compares,
                                           const std::vector<Op>& ops) {
  if (absl::Status status = ValidateTxn(compares, ops); !status.ok())
    return status;
  std::lock_guard<std::mutex> lock(mutex_);
  for (const Compare& compare : compares) {
    const auto found = entries_.find(compare.key);
    const int64_t now =
        found == entries_.end() ? 0 : found->second.mod_revision;
    if (now != compare.mod_revision) return TxnResult{false, revision_};
  }
  if (ops.empty()) return TxnResult{true, revision_};
  if (!write_status_.ok()) return write_status_;
  for (const Op& op : ops) {
    if (op.lease != 0 && !leases_.Has(op.lease)) return LeaseNotFound(op.lease);
  }
  ++revision_;
  std::vector<WatchEvent> events;
  for (const Op& op : ops) Apply(op, &events);
  hub_.Publish(revision_, std::move(events));
  return TxnResult{true, revision_};
}

absl::StatusOr<int64_t> MemoryStore::Revision() {
  std::lock_guard<std::mutex> lock(mutex_);
  return revision_;
}

absl::StatusOr<std::unique_ptr<WatchHandle>> MemoryStore::Watch(
    std::string_view prefix, int64_t after, WatchCallback callback) {
  return hub_.Start(std::string(prefix), after, std::move(callback));
}

absl::StatusOr<std::unique_ptr<Lease>> MemoryStore::Grant(
    std::chrono::milliseconds ttl, LeaseLost lost) {
  if (absl::Status status = ValidateTtl(ttl); !status.ok()) return status;
  return leases_.Grant(ttl, std::move(lost));
}

absl::Status MemoryStore::DropLease(int64_t lease) {
  std::lock_guard<std::mutex> lock(mutex_);
  std::vector<std::string> keys;
  for (const auto& [key, entry] : entries_) {
    if (entry.lease == lease) keys.push_back(key);
  }
  if (keys.empty()) return absl::OkStatus();
  if (!write_status_.ok()) return write_status_;
  ++revision_;
  std::vector<WatchEvent> events;
  for (const std::string& key : keys) Erase(key, &events);
  hub_.Publish(revision_, std::move(events));
  return absl::OkStatus();
}

void MemoryStore::ExpireLeaseForTest(int64_t lease) {
  leases_.Lose(lease, absl::UnavailableError("the lease ran out"));
  (void)DropLease(lease);
}

void MemoryStore::FailWritesForTest(absl::Status status) {
  std::lock_guard<std::mutex> lock(mutex_);
  write_status_ = std::move(status);
}

}  // namespace ithaca::store
