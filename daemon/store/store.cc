#include "daemon/store/store.h"

#include <set>
#include <utility>

#include "absl/strings/str_cat.h"

namespace ithaca::store {
namespace {

bool HasPrefix(const std::string& text, const std::string& prefix) {
  return text.compare(0, prefix.size(), prefix) == 0;
}

// Two operations on one key have no order that every backend agrees on.
absl::Status ValidateDisjoint(const std::vector<Op>& ops) {
  std::set<std::string> keys;
  for (const Op& op : ops) {
    if (op.kind == Op::Kind::kDeletePrefix) continue;
    if (!keys.insert(op.key).second) {
      return absl::InvalidArgumentError(
          "store: two operations of a transaction on one key");
    }
  }
  for (size_t i = 0; i < ops.size(); ++i) {
    if (ops[i].kind != Op::Kind::kDeletePrefix) continue;
    const auto first = keys.lower_bound(ops[i].key);
    bool overlap = first != keys.end() && HasPrefix(*first, ops[i].key);
    for (size_t j = 0; j < ops.size() && !overlap; ++j) {
      overlap = j != i && ops[j].kind == Op::Kind::kDeletePrefix &&
                HasPrefix(ops[j].key, ops[i].key);
    }
    if (overlap) {
      return absl::InvalidArgumentError(
          "store: a transaction deletes a prefix and touches a key below it");
    }
  }
  return absl::OkStatus();
}

}  // namespace

Op Op::Put(std::string key, std::string value, int64_t lease) {
  return Op{Kind::kPut, std::move(key), std::move(value), lease};
}

Op Op::Delete(std::string key) {
  return Op{Kind::kDelete, std::move(key), {}, 0};
}

Op Op::DeletePrefix(std::string prefix) {
  return Op{Kind::kDeletePrefix, std::move(prefix), {}, 0};
}

absl::Status ValidateKey(std::string_view key) {
  if (!key.empty() && key.size() <= kMaxKeyBytes) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("store: a key has ", key.size(), " bytes; 1 to ",
                   kMaxKeyBytes, " are possible"));
}

absl::Status ValidateTxn(const std::vector<Compare>& compares,
                         const std::vector<Op>& ops) {
  if (compares.size() + ops.size() > kMaxTxnOps) {
    return absl::InvalidArgumentError(absl::StrCat(
        "store: a transaction has ", compares.size() + ops.size(),
        " compares and operations; at most ", kMaxTxnOps, " are possible"));
  }
  for (const Compare& compare : compares) {
    if (absl::Status status = ValidateKey(compare.key); !status.ok())
      return status;
  }
  for (const Op& op : ops) {
    if (absl::Status status = ValidateKey(op.key); !status.ok()) return status;
    if (op.value.size() > kMaxValueBytes) {
      return absl::InvalidArgumentError(
          absl::StrCat("store: a value has ", op.value.size(),
                       " bytes; at most ", kMaxValueBytes, " are possible"));
    }
  }
  return ValidateDisjoint(ops);
}

absl::Status Store::Backup(const std::string&) {
  return absl::UnimplementedError(
      "this store is not one file; back it up with its own tools (etcd: "
      "`etcdctl snapshot save FILE`)");
}

absl::Status ValidateTtl(std::chrono::milliseconds ttl) {
  constexpr std::chrono::hours kLongest(24);
  if (ttl >= std::chrono::seconds(1) && ttl <= kLongest)
    return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "store: a lease of ", ttl.count(), " ms; 1 s to 24 h are possible"));
}

absl::Status LeaseNotFound(int64_t lease) {
  return absl::FailedPreconditionError(
      absl::StrCat("store: lease ", lease,
                   " is not there, it ran out or was revoked; nothing was "
                   "changed. Take a new one"));
}

std::string PrefixEnd(std::string_view prefix) {
  std::string end(prefix);
  while (!end.empty() && static_cast<unsigned char>(end.back()) == 0xff)
    end.pop_back();
  if (!end.empty())
    end.back() = static_cast<char>(static_cast<unsigned char>(end.back()) + 1);
  return end;
}

}  // namespace ithaca::store
