#include "daemon/cluster/coordinator.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/cluster/records.h"

namespace ithaca::cluster {
namespace {

constexpr Millis kJudgeEveryMs = 50;
// Between two attempts to get a lease.
constexpr Millis kLeaseRetryMs = 300;
// The election is asked at least this often: a longer gap is taken for a pause
// of this process.
constexpr Millis kAskEveryMs = 100;

Election::Options ElectionOptions(const Coordinator::Options& options,
                                  const Holder& self) {
  Election::Options election = options.election;
  election.self = self;
  // Any number that daemons do not have in common will do.
  if (election.jitter_ms == 0)
    election.jitter_ms =
        static_cast<Millis>(std::hash<std::string>{}(self.node) % 100);
  return election;
}

}  // namespace

Coordinator::Coordinator(Options options)
    : options_(std::move(options)),
      self_{options_.node, options_.address,
            static_cast<uint64_t>(options_.wall_clock())},
      roll_(options_.node, options_.liveness),
      election_(ElectionOptions(options_, self_), options_.clock()),
      incarnation_(self_.incarnation) {
  place_.why = "the daemon has only just started";
}

std::unique_ptr<Coordinator> Coordinator::Start(Options options) {
  std::unique_ptr<Coordinator> coordinator(new Coordinator(std::move(options)));
  Coordinator* raw = coordinator.get();
  HeartbeatSender::Options heartbeat;
  heartbeat.node = raw->options_.node;
  heartbeat.address = raw->options_.address;
  heartbeat.connect = raw->options_.connect;
  heartbeat.clock = raw->options_.clock;
  heartbeat.heard = [raw](uint64_t incarnation) {
    raw->Post([raw, incarnation] {
      raw->election_.CoordinatorHeard(incarnation, raw->options_.clock());
    });
  };
  heartbeat.dead = [raw](uint64_t incarnation, uint64_t latest) {
    raw->Post([=] { raw->OnDeclaredDead(incarnation, latest); });
  };
  raw->heartbeat_ = std::make_unique<HeartbeatSender>(std::move(heartbeat));
  raw->election_thread_ = std::thread([raw] { raw->Loop(); });
  raw->judge_thread_ = std::thread([raw] { raw->Judge(); });
  return coordinator;
}

Coordinator::~Coordinator() { Stop(); }

void Coordinator::Stop() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (stopping_) return;
    stopping_ = true;
    wake_.notify_all();
  }
  judge_thread_.join();
  election_thread_.join();
  heartbeat_.reset();
}

void Coordinator::Post(std::function<void()> event) {
  std::lock_guard<std::mutex> lock(mutex_);
  events_.push_back(std::move(event));
  wake_.notify_all();
}

// ---- ClusterDesk

Place Coordinator::place() {
  std::lock_guard<std::mutex> lock(mutex_);
  return place_;
}

ClusterDesk::Hearing Coordinator::Hear(const v1::HeartbeatRequest& heartbeat) {
  Hearing hearing;
  hearing.place = place();
  if (hearing.place.kind != Place::Kind::kHere) return hearing;
  const Roll::Hearing heard =
      roll_.Hear(heartbeat.node(), heartbeat.incarnation(), options_.clock());
  if (!heard.listens) {
    hearing.place = Place{};
    hearing.place.why = "it is about to stand down";
    return hearing;
  }
  hearing.dead = heard.dead;
  hearing.latest = heard.latest;
  return hearing;
}

v1::GetClusterResponse Coordinator::Describe() {
  v1::GetClusterResponse response;
  const Place now = place();
  response.set_node(options_.node);
  response.set_coordinator(now.node);
  response.set_coordinator_address(now.address);
  response.set_reason(now.why);
  response.set_role(now.kind == Place::Kind::kHere    ? v1::ROLE_COORDINATOR
                    : now.kind == Place::Kind::kThere ? v1::ROLE_FOLLOWER
                                                      : v1::ROLE_SEEKING);
  roll_.Describe(options_.clock(), &response);
  return response;
}

std::shared_ptr<grpc::Channel> Coordinator::ChannelTo(
    const std::string& address) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (channel_ == nullptr || channel_address_ != address) {
    channel_ = options_.connect(address);
    channel_address_ = address;
  }
  return channel_;
}

// ---- the judge's thread

void Coordinator::Judge() {
  std::unique_lock<std::mutex> lock(mutex_);
  Millis reported_at = 0;
  while (!stopping_) {
    lock.unlock();
    const Millis now = options_.clock();
    const auto judgement = roll_.Judge(now);
    if (judgement.has_value()) {
      for (const Verdict& verdict : judgement->verdicts) {
        options_.log(absl::StrCat("node ", verdict.node, " is ",
                                  Name(verdict.health), ": ", verdict.why));
        options_.groups->Tell(verdict);
      }
      if (now - reported_at >= kAskEveryMs) {
        reported_at = now;
        Post([this, reporting = judgement->reporting, live = judgement->live] {
          election_.Reports(reporting, live, options_.clock());
        });
      }
    }
    lock.lock();
    wake_.wait_for(lock, std::chrono::milliseconds(kJudgeEveryMs),
                   [this] { return stopping_; });
  }
}

// ---- the election's thread

std::deque<std::function<void()>> Coordinator::Events(Millis until) {
  const Millis now = options_.clock();
  const Millis wait = std::min(kAskEveryMs, until - now);
  std::unique_lock<std::mutex> lock(mutex_);
  if (wait > 0) {
    wake_.wait_for(lock, std::chrono::milliseconds(wait),
                   [this] { return stopping_ || !events_.empty(); });
  }
  if (stopping_) election_.Retire();
  return std::exchange(events_, {});
}

void Coordinator::Loop() {
  Millis until = 0;
  for (;;) {
    for (const auto& event : Events(until)) event();
    const Step step = election_.Next(options_.clock());
    until = step.kind == Step::Kind::kWait ? step.until : 0;
    Do(step);
    Publish();
    if (step.kind != Step::Kind::kWait) continue;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      if (stopping_) break;
    }
    WatchStore();
    KeepLease();
  }
  watch_.reset();
  lease_.reset();
}

bool Coordinator::Do(const Step& step) {
  switch (step.kind) {
    case Step::Kind::kWait:
      return false;
    case Step::Kind::kRead:
      Read();
      return true;
    case Step::Kind::kTake:
      options_.log(absl::StrCat("tries to become the coordinator: ", step.why));
      Write(step);
      return true;
    case Step::Kind::kSign:
      Write(step);
      return true;
    case Step::Kind::kCoordinate:
      Begin(step);
      return true;
    case Step::Kind::kStandDown:
      StandDown(step);
      return true;
  }
  return false;
}

void Coordinator::Read() {
  const auto entry = options_.store->Get(kCoordinatorKey);
  const Millis now = options_.clock();
  if (!entry.ok()) {
    election_.StoreFailed(std::string(entry.status().message()), now);
  } else if (!entry->has_value()) {
    election_.RecordRead(std::nullopt, 0, now);
  } else {
    election_.RecordRead(DecodeCoordinator((*entry)->value),
                         (*entry)->mod_revision, now);
  }
}

void Coordinator::Write(const Step& step) {
  const Millis sent_at = options_.clock();
  const int64_t lease = lease_ != nullptr ? lease_->id() : 0;
  // Without one the record would stay for ever.
  if (lease == 0) {
    election_.LeaseChanged(false, sent_at);
    return;
  }
  const auto written =
      options_.store->Txn({{kCoordinatorKey, step.revision}},
                          {EncodeCoordinator(self_, ++signature_, lease)});
  const Millis now = options_.clock();
  if (!written.ok()) {
    election_.StoreFailed(std::string(written.status().message()), now);
  } else if (written->committed) {
    election_.Written(written->revision, sent_at, now);
  } else {
    election_.NotWritten(now);
  }
}

void Coordinator::Begin(const Step& step) {
  GroupsRunner::Term term;
  term.claim_while = {{kCoordinatorKey, step.revision}};
  term.on_claim_lost = [this](const std::string& why) {
    answer_until_ = 0;
    Post([this, why] { election_.CoordinatingEnded(why, options_.clock()); });
  };
  term.may_answer = [this] { return options_.clock() < answer_until_; };
  const absl::Status begun =
      options_.groups->Begin(std::move(term), election_.place());
  const Millis now = options_.clock();
  if (!begun.ok()) {
    election_.CoordinatingEnded(
        absl::StrCat("it cannot coordinate: ", begun.message()), now);
    return;
  }
  const auto& before = election_.last_other();
  roll_.BeginToListen(options_.groups->NodesWithMembers(),
                      before.has_value() ? before->node : "",
                      election_.coordinator_alive_at(), now);
  options_.groups->Tell({self_.node, NodeHealth::kAlive, "it coordinates"});
}

void Coordinator::StandDown(const Step& step) {
  answer_until_ = 0;
  options_.groups->End(election_.place());
  roll_.CeaseToListen();
  if (!step.release) return;
  // If it fails, the record goes with the lease.
  (void)options_.store->Txn({{kCoordinatorKey, step.revision}},
                            {store::Op::Delete(kCoordinatorKey)});
}

void Coordinator::Publish() {
  Millis until = election_.answer_until();
  if (lease_ != nullptr)
    until =
        std::min<Millis>(until, options_.clock() + lease_->Remaining().count());
  answer_until_ = lease_ != nullptr ? until : 0;
  Place place = election_.place();
  if (place.kind == Place::Kind::kNowhere && !lease_problem_.empty())
    place.why = lease_problem_;
  bool moved = false;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    moved = !place.SameAs(place_) || !told_place_;
    place_ = place;
  }
  if (place.kind == Place::Kind::kThere)
    heartbeat_->PointTo(place, incarnation_);
  if (!moved) return;
  told_place_ = true;
  if (place.kind != Place::Kind::kThere) heartbeat_->PointTo(place, 0);
  options_.log(absl::StrCat(
      place.kind == Place::Kind::kHere    ? "coordinates the groups: "
      : place.kind == Place::Kind::kThere ? "follows: "
                                          : "knows no coordinator: ",
      place.why));
  options_.on_place(place);
}

// ---- lease and watch

void Coordinator::KeepLease() {
  const Millis now = options_.clock();
  if (now < lease_at_ || (lease_ != nullptr && enrolled_)) return;
  lease_at_ = now + kLeaseRetryMs;
  const absl::Status status = TakeLease();
  const std::string problem = status.ok() ? "" : std::string(status.message());
  if (!problem.empty() && problem != lease_problem_) options_.log(problem);
  lease_problem_ = problem;
}

// A lease, and this node's record under it.
absl::Status Coordinator::TakeLease() {
  if (lease_ == nullptr) {
    auto lease = options_.store->Grant(
        options_.lease_ttl, [this](const absl::Status& why) {
          answer_until_ = 0;
          Post([this, why] { DropLease(std::string(why.message())); });
        });
    if (!lease.ok()) return lease.status();
    lease_ = std::move(*lease);
  }
  const auto there = options_.store->Get(NodeKey(self_.node));
  if (!there.ok()) return there.status();
  int64_t revision = 0;
  if (there->has_value()) {
    revision = (*there)->mod_revision;
    const auto other = DecodeNode((*there)->value);
    if (other.has_value() && other->address != self_.address) {
      return absl::AlreadyExistsError(
          absl::StrCat("the daemon at ", other->address, " calls itself node ",
                       self_.node, " too; give each its own --node"));
    }
  }
  const auto written = options_.store->Txn(
      {{NodeKey(self_.node), revision}},
      {EncodeNode({self_.node, self_.address, incarnation_}, lease_->id())});
  if (!written.ok()) return written.status();
  if (!written->committed)
    return absl::AbortedError("another daemon wrote this node's record");
  enrolled_ = true;
  election_.LeaseChanged(true, options_.clock());
  return absl::OkStatus();
}

void Coordinator::DropLease(const std::string& why) {
  // That of an older lease comes late.
  if (lease_ == nullptr || lease_->Remaining().count() > 0) return;
  options_.log(absl::StrCat("its lease in the store is lost: ", why));
  enrolled_ = false;
  election_.LeaseChanged(false, options_.clock());
  lease_.reset();
}

void Coordinator::WatchStore() {
  if (watch_ != nullptr) return;
  auto watch = options_.store->Watch(kClusterPrefix, 0,
                                     [this](const store::WatchBatch& batch) {
                                       Post([this, batch] { OnBatch(batch); });
                                     });
  if (watch.ok()) watch_ = std::move(*watch);
}

void Coordinator::OnBatch(const store::WatchBatch& batch) {
  const Millis now = options_.clock();
  bool has_coordinator = false;
  if (batch.kind == store::WatchBatch::Kind::kSnapshot) roll_.Clear();
  for (const store::WatchEvent& event : batch.events) {
    const bool put = event.kind == store::WatchEvent::Kind::kPut;
    const store::KeyValue& entry = event.entry;
    if (entry.key == kCoordinatorKey) {
      has_coordinator = true;
      election_.RecordSeen(put ? DecodeCoordinator(entry.value) : std::nullopt,
                           entry.mod_revision, now);
    } else if (const std::string node = NodeOfKey(entry.key); !node.empty()) {
      const auto record = put ? DecodeNode(entry.value) : std::nullopt;
      if (record.has_value() && record->node == node) {
        roll_.Put(*record, now);
      } else {
        roll_.Erase(node);
      }
    }
  }
  if (batch.kind == store::WatchBatch::Kind::kSnapshot && !has_coordinator)
    election_.RecordSeen(std::nullopt, batch.revision, now);
}

void Coordinator::OnDeclaredDead(uint64_t incarnation, uint64_t latest) {
  if (incarnation != incarnation_) return;
  incarnation_ = std::max({incarnation_ + 1, latest + 1,
                           static_cast<uint64_t>(options_.wall_clock())});
  options_.log(
      "the coordinator had given this node up; members must join again");
  enrolled_ = false;
  lease_at_ = 0;
}

}  // namespace ithaca::cluster
