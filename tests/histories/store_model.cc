#include "tests/histories/store_model.h"

#include "absl/strings/str_cat.h"

namespace ithaca::histories {
namespace {

using store::KeyValue;
using store::Op;

bool Same(const KeyValue& a, const KeyValue& b) {
  return a.key == b.key && a.value == b.value &&
         a.create_revision == b.create_revision &&
         a.mod_revision == b.mod_revision;
}

bool Same(const std::optional<KeyValue>& a, const std::optional<KeyValue>& b) {
  if (a.has_value() != b.has_value()) return false;
  return !a.has_value() || Same(*a, *b);
}

bool Same(const store::ListResult& a, const store::ListResult& b) {
  if (a.entries.size() != b.entries.size() || a.more != b.more ||
      a.revision != b.revision)
    return false;
  for (size_t i = 0; i < a.entries.size(); ++i) {
    if (!Same(a.entries[i], b.entries[i])) return false;
  }
  return true;
}

bool SameAnswer(const StoreCall& a, const StoreCall& b) {
  switch (a.kind) {
    case StoreCall::Kind::kGet:
      return Same(a.entry, b.entry);
    case StoreCall::Kind::kList:
      return Same(a.list, b.list);
    case StoreCall::Kind::kTxn:
      return a.txn.committed == b.txn.committed &&
             a.txn.revision == b.txn.revision;
    case StoreCall::Kind::kRevision:
      return a.revision == b.revision;
  }
  return false;
}

bool Holds(const StoreModel::State& state, const store::Compare& compare) {
  const auto found = state.entries.find(compare.key);
  return compare.mod_revision ==
         (found == state.entries.end() ? 0 : found->second.mod_revision);
}

bool HasPrefix(const std::string& key, const std::string& prefix) {
  return key.compare(0, prefix.size(), prefix) == 0;
}

void Apply(StoreModel::State* state, const Op& op) {
  auto& entries = state->entries;
  switch (op.kind) {
    case Op::Kind::kPut: {
      KeyValue& entry = entries[op.key];
      if (entry.create_revision == 0) entry.create_revision = state->revision;
      entry.key = op.key;
      entry.value = op.value;
      entry.mod_revision = state->revision;
      break;
    }
    case Op::Kind::kDelete:
      entries.erase(op.key);
      break;
    case Op::Kind::kDeletePrefix:
      for (auto it = entries.lower_bound(op.key);
           it != entries.end() && HasPrefix(it->first, op.key);)
        it = entries.erase(it);
      break;
  }
}

void ExecuteTxn(StoreModel::State* state, StoreCall* call) {
  call->txn.committed = true;
  for (const store::Compare& compare : call->compares)
    call->txn.committed = call->txn.committed && Holds(*state, compare);
  if (call->txn.committed && !call->ops.empty()) {
    ++state->revision;
    for (const Op& op : call->ops) Apply(state, op);
  }
  call->txn.revision = state->revision;
}

void ExecuteList(const StoreModel::State& state, StoreCall* call) {
  store::ListResult& list = call->list;
  list = {};
  list.revision = state.revision;
  for (const auto& [key, entry] : state.entries) {
    if (!HasPrefix(key, call->key) || key <= call->after) continue;
    if (list.entries.size() == call->limit) {
      list.more = true;
      return;
    }
    list.entries.push_back(entry);
  }
}

std::string ShowEntry(const KeyValue& entry) {
  return absl::StrCat(entry.key, "=", entry.value, "@", entry.create_revision,
                      "/", entry.mod_revision);
}

std::string ShowTxn(const StoreCall& call) {
  std::string text = "Txn if {";
  for (const store::Compare& compare : call.compares)
    absl::StrAppend(&text, " ", compare.key, "@", compare.mod_revision);
  absl::StrAppend(&text, " } then {");
  for (const Op& op : call.ops) {
    if (op.kind == Op::Kind::kPut) {
      absl::StrAppend(&text, " put ", op.key, "=", op.value);
    } else {
      absl::StrAppend(
          &text, op.kind == Op::Kind::kDelete ? " delete " : " delete all of ",
          op.key);
    }
  }
  return absl::StrCat(text, " }");
}

}  // namespace

void StoreModel::Execute(State* state, Call* call) {
  switch (call->kind) {
    case Call::Kind::kGet: {
      const auto found = state->entries.find(call->key);
      call->entry.reset();
      if (found != state->entries.end()) call->entry = found->second;
      break;
    }
    case Call::Kind::kList:
      ExecuteList(*state, call);
      break;
    case Call::Kind::kTxn:
      ExecuteTxn(state, call);
      break;
    case Call::Kind::kRevision:
      call->revision = state->revision;
      break;
  }
}

void StoreModel::Step(const State& state, const Call& call,
                      std::vector<State>* next) const {
  State after = state;
  Call again = call;
  Execute(&after, &again);
  if (!call.answered) {
    // One that changes nothing here is as good as one that never happens.
    if (after.revision != state.revision) next->push_back(std::move(after));
    return;
  }
  if (SameAnswer(call, again)) next->push_back(std::move(after));
}

bool StoreModel::TooLate(const State& state, const Call& call) const {
  switch (call.kind) {
    case Call::Kind::kGet: {
      const auto found = state.entries.find(call.key);
      return call.entry.has_value() && found != state.entries.end() &&
             found->second.mod_revision > call.entry->mod_revision;
    }
    case Call::Kind::kList:
      return state.revision > call.list.revision;
    case Call::Kind::kTxn: {
      const bool wrote = call.txn.committed && !call.ops.empty();
      return state.revision > call.txn.revision - (wrote ? 1 : 0);
    }
    case Call::Kind::kRevision:
      return state.revision > call.revision;
  }
  return false;
}

// Keys and values of the histories have neither spaces nor signs.
std::string StoreModel::Key(const State& state) const { return Show(state); }

std::string StoreModel::Show(const State& state) const {
  std::string text = absl::StrCat("revision ", state.revision, ":");
  for (const auto& [key, entry] : state.entries)
    absl::StrAppend(&text, " ", ShowEntry(entry));
  return text;
}

std::string StoreModel::Show(const Call& call) const {
  std::string text;
  switch (call.kind) {
    case Call::Kind::kGet:
      text = absl::StrCat("Get ", call.key);
      if (!call.answered) return text;
      return absl::StrCat(
          text, " -> ",
          call.entry.has_value() ? ShowEntry(*call.entry) : "none");
    case Call::Kind::kList:
      text = absl::StrCat("List ", call.key, " after '", call.after, "' up to ",
                          call.limit);
      if (!call.answered) return text;
      absl::StrAppend(&text, " -> revision ", call.list.revision,
                      call.list.more ? " and more:" : ":");
      for (const KeyValue& entry : call.list.entries)
        absl::StrAppend(&text, " ", ShowEntry(entry));
      return text;
    case Call::Kind::kTxn:
      text = ShowTxn(call);
      if (!call.answered) return text;
      return absl::StrCat(text,
                          call.txn.committed ? " -> committed" : " -> refused",
                          ", revision ", call.txn.revision);
    case Call::Kind::kRevision:
      return absl::StrCat("Revision -> ", call.revision);
  }
  return text;
}

}  // namespace ithaca::histories
