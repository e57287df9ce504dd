#include "daemon/store/memory_store.h"

#include <algorithm>
#include <utility>

namespace ithaca::store {

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
  ++revision_;
  for (const Op& op : ops) {
    switch (op.kind) {
      case Op::Kind::kPut: {
        KeyValue& entry = entries_[op.key];
        if (entry.create_revision == 0) entry.create_revision = revision_;
        entry.key = op.key;
        entry.value = op.value;
        entry.mod_revision = revision_;
        break;
      }
      case Op::Kind::kDelete:
        entries_.erase(op.key);
        break;
      case Op::Kind::kDeletePrefix: {
        auto it = entries_.lower_bound(op.key);
        while (it != entries_.end() &&
               it->first.compare(0, op.key.size(), op.key) == 0) {
          it = entries_.erase(it);
        }
        break;
      }
    }
  }
  return TxnResult{true, revision_};
}

absl::StatusOr<int64_t> MemoryStore::Revision() {
  std::lock_guard<std::mutex> lock(mutex_);
  return revision_;
}

void MemoryStore::FailWritesForTest(absl::Status status) {
  std::lock_guard<std::mutex> lock(mutex_);
  write_status_ = std::move(status);
}

}  // namespace ithaca::store
