#include "tests/histories/group_histories_for_test.h"

#include <algorithm>
#include <utility>

namespace ithaca::histories {

using Kind = GroupCall::Kind;

GroupView RandomGroup::View() const {
  GroupView view{epoch_, sequence_, members_, {}, {}, {}};
  for (const auto& [name, data] : blobs_) view.blobs.insert(name);
  return view;
}

Kind RandomGroup::SomeKind(bool joined) {
  constexpr Kind kOutside[] = {Kind::kJoin, Kind::kJoin, Kind::kGet,
                               Kind::kCreate};
  constexpr Kind kInside[] = {Kind::kGet,     Kind::kPublish, Kind::kGetBlob,
                              Kind::kPublish, Kind::kGetBlob, Kind::kGetBlob,
                              Kind::kLeave,   Kind::kResume,  Kind::kJoin};
  if (!exists_) return Kind::kCreate;
  return joined ? kInside[Below(9)] : kOutside[Below(4)];
}

GroupCall RandomGroup::Ask(int client) {
  const Life& life = lives_[client];
  GroupCall call;
  call.kind = SomeKind(life.incarnation != 0);
  if (call.kind == Kind::kGet || call.kind == Kind::kCreate) return call;
  call.member = "m" + std::to_string(client);
  if (call.kind == Kind::kJoin) return call;
  call.incarnation = life.incarnation;
  if (call.kind == Kind::kResume) return call;
  call.epoch = life.epoch;
  call.name = "b" + std::to_string(Below(2));
  if (call.kind == Kind::kPublish)
    call.data = "d" + std::to_string(++last_number_);
  if (call.kind == Kind::kLeave) call.name.clear();
  return call;
}

// The reason to refuse a fenced call.
std::string RandomGroup::WhyNot(const GroupCall& call) const {
  if (call.epoch < epoch_) return "STALE_EPOCH";
  for (const auto& [slot, member] : members_) {
    if (member.id == call.member)
      return member.incarnation == call.incarnation ? "" : "STALE_INCARNATION";
  }
  return "NOT_A_MEMBER";
}

void RandomGroup::Remove(const std::string& member) {
  for (auto it = members_.begin(); it != members_.end(); ++it) {
    if (it->second.id != member) continue;
    members_.erase(it);
    break;
  }
  epoch_ = last_number_ += 1 + Below(5);
  ++sequence_;
  blobs_.clear();
}

void RandomGroup::AnswerFenced(GroupCall* call) {
  call->reason = WhyNot(*call);
  if (!call->reason.empty()) {
    if (call->reason == "STALE_EPOCH") call->told_epoch = epoch_;
    return;
  }
  if (call->kind == Kind::kLeave) {
    Remove(call->member);
    call->told_epoch = epoch_;
  } else if (call->kind == Kind::kPublish) {
    if (!blobs_.emplace(call->name, call->data).second)
      call->reason = "BLOB_CONFLICT";
  } else {
    const auto blob = blobs_.find(call->name);
    if (blob == blobs_.end()) {
      call->reason = "BLOB_NOT_PUBLISHED";
    } else {
      call->got_data = blob->second;
    }
  }
}

void RandomGroup::Answer(GroupCall* call, Life* life) {
  const auto mine = std::find_if(
      members_.begin(), members_.end(),
      [call](const auto& it) { return it.second.id == call->member; });
  switch (call->kind) {
    case Kind::kCreate:
      call->created = !exists_;
      if (!exists_) epoch_ = ++last_number_;
      exists_ = true;
      break;
    case Kind::kGet:
      break;
    case Kind::kJoin:
      if (mine != members_.end()) {
        call->reason = "MEMBER_ID_IN_USE";
      } else if (members_.size() == size_) {
        call->reason = "GROUP_FULL";
      } else {
        while (members_.count(call->got_slot) != 0) ++call->got_slot;
        call->got_incarnation = ++last_number_;
        members_[call->got_slot] = {call->member, call->got_incarnation};
        sequence_ += members_.size() == size_ ? 2 : 1;
      }
      break;
    case Kind::kResume:
      if (mine == members_.end() ||
          mine->second.incarnation != call->incarnation) {
        call->reason = "STALE_INCARNATION";
      } else {
        call->got_slot = mine->first;
        call->got_incarnation = call->incarnation;
      }
      break;
    default:
      AnswerFenced(call);
      break;
  }
  if (call->reason.empty()) call->view = View();
  Note(call, life);
}

// What the client knows from the answer.
void RandomGroup::Note(GroupCall* call, Life* life) const {
  if (call->reason == "STALE_EPOCH") life->epoch = call->told_epoch;
  if (call->reason == "STALE_INCARNATION" || call->reason == "NOT_A_MEMBER")
    life->incarnation = 0;
  if (!call->reason.empty()) return;
  if (call->kind == Kind::kJoin) life->incarnation = call->got_incarnation;
  if (call->kind == Kind::kLeave) life->incarnation = 0;
  if (call->view.epoch != 0 && Kind::kPublish != call->kind)
    life->epoch = call->view.epoch;
}

std::vector<Recorded<GroupCall>> RandomGroup::Make(int clients, int calls) {
  std::vector<std::pair<int64_t, Span>> by_moment;
  for (int client = 0; client < clients; ++client) {
    int64_t now = Below(100);
    for (int i = 0; i < calls; ++i) {
      const int64_t moment = now + 1 + Below(100);
      const int64_t end = moment + 1 + Below(100);
      by_moment.push_back({moment, {now, end, true, client}});
      now = end + 1 + Below(30);
    }
  }
  std::sort(by_moment.begin(), by_moment.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<Recorded<GroupCall>> history;
  for (auto& [moment, span] : by_moment) {
    GroupCall call = Ask(span.client);
    Life* life = &lives_[span.client];
    const bool writes = call.kind != Kind::kGet && call.kind != Kind::kGetBlob;
    if (writes && Below(25) == 0) {
      // The client knows nothing of it, and begins a new life: the old one is
      // lost.
      Life unknown;
      if (Below(2) == 0) Answer(&call, &unknown);
      call = GroupCall{call.kind,  call.member, call.incarnation,
                       call.epoch, call.slot,   false,
                       {},         0,           call.name,
                       call.data};
      call.answered = span.answered = false;
      if (Below(2) == 0) span.end_ns = kNever;
      history.push_back({span, call});
      GroupCall lost;
      lost.kind = Kind::kLost;
      lost.member = "m" + std::to_string(span.client);
      lost.answered = false;
      if (life->incarnation != 0) *life = Life{};
      const bool there = std::any_of(
          members_.begin(), members_.end(),
          [&lost](const auto& it) { return it.second.id == lost.member; });
      if (there) {
        Remove(lost.member);
        history.push_back({{span.call_ns, kNever, false, span.client}, lost});
      }
      continue;
    }
    Answer(&call, life);
    history.push_back({span, call});
  }
  return history;
}

bool RandomGroup::Mutate(GroupCall* call) {
  if (!call->reason.empty()) {
    if (call->reason == "STALE_EPOCH") {
      call->told_epoch += Below(2) == 0 ? 1 : -1;
    } else {
      call->reason = "BLOB_CONFLICT";
      if (call->kind == Kind::kJoin) call->reason = "GROUP_NOT_FOUND";
      if (call->kind == Kind::kPublish) call->reason = "BLOB_NOT_PUBLISHED";
    }
    return true;
  }
  switch (call->kind) {
    case Kind::kPublish:
      return false;
    case Kind::kGetBlob:
      call->got_data += "!";
      return true;
    case Kind::kLeave:
      --call->told_epoch;
      return true;
    default:
      break;
  }
  switch (Below(3)) {
    case 0:
      --call->view.epoch;
      return true;
    case 1:
      call->view.sequence += Below(2) == 0 ? 1 : -1;
      return true;
    default:
      if (call->view.members.empty()) return false;
      call->view.members.begin()->second.incarnation += 1;
      return true;
  }
}

}  // namespace ithaca::histories
