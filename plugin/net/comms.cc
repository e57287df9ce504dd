#include "plugin/net/comms.h"

#include <netinet/in.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "plugin/net/engine.h"
#include "plugin/rails/redial_schedule.h"

namespace ithaca::net {
namespace {

constexpr int64_t kKnockNs = 500 * kNsPerMs;

Status PeerGone(const std::string& pair) {
  return Errorf(Code::kUnavailable,
                "its process is gone: nobody listens any more at %s",
                pair.c_str());
}

Status PeerClosed() {
  return Status(Code::kUnavailable, "the peer has ended it");
}

}  // namespace

// --- ListenComm

ListenComm::~ListenComm() { engine_->Forget(this); }

// --- SendComm

SendComm::SendComm(Engine* engine, const Device& device, const Handle& handle,
                   ConnectionId id)
    : Comm(engine),
      device_(device),
      handle_(handle),
      id_(id),
      deadline_ns_(engine->config().clock->NowNs() +
                   engine->config().options.peer_timeout_s * kNsPerSecond),
      connection_("process " + std::to_string(handle.pid) + " at " +
                      AddressToString(handle.rails[0]),
                  engine->config().options.eager_bytes, engine,
                  engine->config().clock, engine->config().log),
      over_shm_(engine->OnOurHost(handle)) {
  MakeDialers();
}

void SendComm::MakeDialers() {
  // Lane k joins local rail k and remote rail k; the other remote rails are
  // tried where those two cannot connect.
  const size_t local = device_.rails.size(), remote = handle_.rails.size();
  const size_t lanes =
      over_shm_ ? 1 : std::min<size_t>(std::max(local, remote), kMaxLanes);
  for (size_t k = dialers_.size(); k < lanes; ++k) {
    std::vector<Dialer::Target> targets;
    for (size_t i = 0; i < remote; ++i)
      targets.push_back(
          {device_.rails[k % local], handle_.rails[(k + i) % remote]});
    dialers_.push_back(std::make_unique<LaneDialer>(
        engine_, std::move(targets),
        [this, k](int rail, uint32_t dial) { return HelloFor(k, rail, dial); },
        [this, k](Dialer* dialer, uint32_t dial) {
          return FinishDial(dialer, k, dial);
        }));
    dialers_.back()->Start();
  }
}

Status SendComm::FinishDial(Dialer* dialer, int lane, uint32_t dial) {
  const bool shm = dialer->welcome().kind == kShmLane;
  const Status status = engine_->FinishDial(dialer, lane, dial, this);
  fall_back_ = over_shm_ && !(shm && status.ok());
  if (shm && !status.ok())
    ITHACA_WARN(*engine_->config().log,
                "ithaca: sockets, not shared memory, to %s: %s",
                connection_.peer().c_str(), status.ToString().c_str());
  return status;
}

void SendComm::FallBack() {
  fall_back_ = over_shm_ = false;
  // The peer made its end of the lane, and takes another dial for it.
  if (connection_.lane(0) == nullptr) dialers_[0]->Start();
  MakeDialers();
}

SendComm::~SendComm() {
  engine_->Forget(this);
  DropLanes();
}

StatusOr<Hello> SendComm::HelloFor(int lane, int rail, uint32_t dial) const {
  Hello hello;
  hello.lane = lane;
  hello.listener = handle_.listener;
  hello.nonce = handle_.nonce;
  hello.connection = id_;
  hello.dial = dial;
  ITHACA_RETURN_IF_ERROR(engine_->Greet(&hello, rail, over_shm_));
  return hello;
}

bool SendComm::Step() {
  bool settled = true;
  const int64_t now_ns = engine_->config().clock->NowNs();
  for (size_t i = 0; i < dialers_.size(); ++i) {
    LaneDialer* const dialer = dialers_[i].get();
    if (!connection_.status().ok()) dialer->Stop();
    if (!dialer->dialing()) continue;
    dialer->Step(now_ns);
    if (fall_back_) FallBack();
    if (dialer->dialing())
      settled = false;
    else if (connection_.lane(i) == nullptr)
      ITHACA_INFO(*engine_->config().log, "ithaca: no lane %zu to %s: %s", i,
                  connection_.peer().c_str(),
                  dialer->error().message().c_str());
  }
  return settled;
}

Status SendComm::Verdict() const {
  if (!connection_.status().ok()) return connection_.status();
  if (connection_.lanes_up() > 0) return Status();
  Status error;
  std::string tried;
  for (const auto& dialer : dialers_) {
    if (dialer->dialing())
      tried += " " + dialer->Describe() + ";";
    else if (!dialer->error().ok())
      error = dialer->error();
  }
  if (tried.empty() && !error.ok())
    return Errorf(error.code(), "cannot connect to %s: %s",
                  connection_.peer().c_str(), error.message().c_str());
  if (engine_->config().clock->NowNs() < deadline_ns_) return Status();
  return Errorf(Code::kDeadlineExceeded,
                "no answer from %s within %d s (ITHACA_PEER_TIMEOUT); waiting "
                "for:%s is its process alive, and do firewalls let these "
                "addresses through?",
                connection_.peer().c_str(),
                engine_->config().options.peer_timeout_s, tried.c_str());
}

void SendComm::Restore(int64_t now_ns) {
  const bool any_pair = !AnyLaneWorks();
  for (size_t i = 0; i < dialers_.size() && connection_.status().ok(); ++i) {
    LaneDialer* const dialer = dialers_[i].get();
    dialer->Step(now_ns);
    if (fall_back_) FallBack();
    if (connection_.peer_left()) {
      dialer->Stop();
    } else if (Works(i)) {
      dialer->Keep(now_ns);
    } else {
      dialer->Restore(any_pair, now_ns);
    }
    if (!any_pair) continue;
    if (dialer->peer_gone()) connection_.Fail(PeerGone(dialer->Describe()));
    if (dialer->peer_closed()) connection_.Fail(PeerClosed());
  }
}

std::string SendComm::DescribeLane(int index) const {
  if (index >= static_cast<int>(dialers_.size())) return "";
  const LaneDialer& dialer = *dialers_[index];
  if (connection_.lane(index) != nullptr)
    return connection_.lane(index)->Describe() + " is silent";
  return dialer.Describe() + " is down" +
         (dialer.error().ok() ? "" : ", " + dialer.error().message());
}

// --- RecvComm

RecvComm::~RecvComm() {
  engine_->Forget(this);
  DropLanes();
}

bool RecvComm::Confirmed() const {
  const Lane* const lane = connection_.lane(0);
  return !over_shm_ || lane == nullptr || lane->counters().bytes_received > 0;
}

void RecvComm::SetOrigin(const Hello& hello, int rail, sockaddr_storage from) {
  const uint16_t port = htons(hello.knock_port);
  if (from.ss_family == AF_INET)
    reinterpret_cast<sockaddr_in*>(&from)->sin_port = port;
  else
    reinterpret_cast<sockaddr_in6*>(&from)->sin6_port = port;
  origins_[hello.lane] = {true, {rail, from}};
}

// The connector dials whatever is down; whether there still is one shows when
// nobody listens where it did.
void RecvComm::Restore(int64_t now_ns) {
  if (connection_.pending() == 0 || AnyLaneWorks()) return knock_.reset();
  if (knock_ == nullptr) {
    if (now_ns < next_knock_ns_) return;
    next_knock_ns_ = now_ns + kKnockNs;
    return Knock();
  }
  knock_->HurryUp(now_ns);
  if (knock_->state() == Dialer::State::kTrying) return;
  hung_up_ = knock_->hung_up() ? hung_up_ + 1 : 0;
  if (knock_->state() == Dialer::State::kWelcome)
    close(knock_->TakeSocket());
  else if (knock_->nobody_there())
    connection_.Fail(PeerGone(knock_->Describe()));
  else if (knock_->refused() || hung_up_ >= 2)
    connection_.Fail(PeerClosed());
  knock_.reset();
}

void RecvComm::Knock() {
  std::vector<Dialer::Target> targets;
  for (const Origin& origin : origins_)
    if (origin.known) targets.push_back(origin.knock);
  if (targets.empty()) return;
  knock_ = std::make_unique<Dialer>(
      &engine_->config().rails, std::move(targets),
      [this](int) -> StatusOr<Hello> {
        Hello hello;
        hello.kinds = 0;
        hello.connection = id_;
        hello.pid = getpid();
        return hello;
      },
      engine_->config().options.peer_timeout_s, engine_->poller(),
      Dialer::Patience{rails::RedialSchedule::kConnectNs,
                       rails::RedialSchedule::kWelcomeNs});
  knock_->Start();
}

std::string RecvComm::DescribeLane(int index) const {
  const Origin& origin = origins_[index];
  if (connection_.lane(index) != nullptr)
    return connection_.lane(index)->Describe() + " is silent";
  if (!origin.known) return "";
  return engine_->config().rails[origin.knock.rail].name +
         " is down, and the peer has not dialled it again";
}

}  // namespace ithaca::net
