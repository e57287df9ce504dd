#include "tests/histories/store_model.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace ithaca::histories {
namespace {

using store::KeyValue;
using store::Op;

bool LearnRevision(int64_t seen, int64_t* revision) {
  if (*revision >= 0) return *revision == seen;
  if (seen < -*revision) return false;
  *revision = seen;
  return true;
}

bool Learn(const KeyValue& seen, KeyValue* entry) {
  return seen.key == entry->key && seen.value == entry->value &&
         LearnRevision(seen.create_revision, &entry->create_revision) &&
         LearnRevision(seen.mod_revision, &entry->mod_revision);
}

bool LearnHolds(const store::Compare& compare, StoreModel::State* state) {
  const auto found = state->entries.find(compare.key);
  if (found == state->entries.end()) return compare.mod_revision == 0;
  return LearnRevision(compare.mod_revision, &found->second.mod_revision);
}

bool MayFail(const store::Compare& compare, const StoreModel::State& state) {
  const auto found = state.entries.find(compare.key);
  if (found == state.entries.end()) return compare.mod_revision != 0;
  return found->second.mod_revision != compare.mod_revision;
}

bool HasPrefix(const std::string& key, const std::string& prefix) {
  return key.compare(0, prefix.size(), prefix) == 0;
}

// Under this revision; negative: see State.
void Apply(const Op& op, int64_t revision, StoreModel::State* state) {
  auto& entries = state->entries;
  switch (op.kind) {
    case Op::Kind::kPut: {
      KeyValue& entry = entries[op.key];
      if (entry.create_revision == 0) entry.create_revision = revision;
      entry.key = op.key;
      entry.value = op.value;
      entry.mod_revision = revision;
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
    call->txn.committed = call->txn.committed && !MayFail(compare, *state);
  if (call->txn.committed && !call->ops.empty()) {
    ++state->revision;
    for (const Op& op : call->ops) Apply(op, state->revision, state);
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

// An answer shows the store at this revision.
bool StoreModel::Read(int64_t revision, State* state) const {
  if (revision < state->revision) return false;
  if (dense_ && revision != state->revision) return false;
  state->revision = revision;
  return true;
}

bool StoreModel::StepTxn(const Call& call, State* state) const {
  if (call.answered && !call.txn.committed) {
    const bool may_fail = std::any_of(
        call.compares.begin(), call.compares.end(),
        [state](const auto& compare) { return MayFail(compare, *state); });
    return may_fail && Read(call.txn.revision, state);
  }
  for (const store::Compare& compare : call.compares) {
    if (!LearnHolds(compare, state)) return false;
  }
  if (call.ops.empty()) return !call.answered || Read(call.txn.revision, state);
  ++state->revision;
  if (call.answered && !Read(call.txn.revision, state)) return false;
  const bool known = call.answered || dense_;
  for (const Op& op : call.ops)
    Apply(op, known ? state->revision : -state->revision, state);
  return true;
}

void StoreModel::Step(const State& state, const Call& call,
                      std::vector<State>* next) const {
  State after = state;
  bool possible = false;
  switch (call.kind) {
    case Call::Kind::kGet: {
      const auto found = after.entries.find(call.key);
      const bool there = found != after.entries.end();
      possible = there == call.entry.has_value() &&
                 (!there || Learn(*call.entry, &found->second));
      break;
    }
    case Call::Kind::kList: {
      Call again = call;
      ExecuteList(after, &again);
      const auto& seen = call.list.entries;
      possible = Read(call.list.revision, &after) &&
                 again.list.more == call.list.more &&
                 again.list.entries.size() == seen.size();
      for (size_t i = 0; possible && i < seen.size(); ++i) {
        const auto found = after.entries.find(seen[i].key);
        possible = found != after.entries.end() &&
                   again.list.entries[i].key == seen[i].key &&
                   Learn(seen[i], &found->second);
      }
      break;
    }
    case Call::Kind::kTxn:
      possible = StepTxn(call, &after);
      break;
    case Call::Kind::kRevision:
      possible = Read(call.revision, &after);
      break;
  }
  if (possible) next->push_back(std::move(after));
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
