#include "plugin/net/engine.h"

#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <iterator>
#include <utility>

#include "plugin/socket/socket_lane.h"
#include "plugin/transport/handle.h"

namespace ithaca::net {
namespace {

// How often lanes that come late are looked after, and hellos expire.
constexpr int64_t kTickNs = kNsPerMs;
// NCCL tests each request in turn: right after an idle look, another one at the
// network would find nothing either.
constexpr int64_t kIdleNs = 500;
// What a frame may wait for others to travel with.
constexpr int64_t kSoonNs = 100'000;

// A number for the process that said hello from `address`, for this rail.
uint64_t PeerNumber(const std::string& address, const Hello& hello) {
  return std::hash<std::string>()(address.substr(0, address.rfind(':')) + '#' +
                                  std::to_string(hello.pid));
}

void MoveTo(std::vector<Connection*>* to, std::vector<Connection*>* from) {
  to->insert(to->end(), from->begin(), from->end());
  from->clear();
}

}  // namespace

StatusOr<std::shared_ptr<Engine>> Engine::Create(
    Config config, std::unique_ptr<LaneBackend> ucx) {
  std::shared_ptr<Engine> engine(new Engine(std::move(config), std::move(ucx)));
  StatusOr<std::unique_ptr<Poller>> poller =
      Poller::Create(engine->config_.clock);
  if (!poller.ok()) return poller.status();
  engine->poller_ = std::move(poller).value();
  engine->acceptor_ = std::make_unique<Acceptor>(
      &engine->config_.rails, engine->config_.options.peer_timeout_s,
      engine->poller_.get(), engine->config_.clock, engine->config_.log,
      static_cast<HelloSink*>(engine.get()));
  engine->MakeShm();
  engine->MakeLedger();
  return engine;
}

Engine::Engine(Config config, std::unique_ptr<LaneBackend> ucx)
    : config_(std::move(config)),
      ucx_(std::move(ucx)),
      broker_(config_.rails.size(),
              {config_.options.window_bytes, config_.options.fragment_bytes}),
      rail_events_(&config_.rails, config_.clock, config_.log) {}

Engine::~Engine() {
  attempts_.clear();
  leaving_.clear();
  acceptor_.reset();
}

uint64_t Engine::Random() {
  uint64_t value = 0;
  if (getrandom(&value, sizeof(value), 0) != sizeof(value))
    value = config_.clock->NowNs() ^ (next_id_++ << 48);
  return value;
}

// --- Listening and connecting.

StatusOr<std::unique_ptr<ListenComm>> Engine::Listen(const Device& device,
                                                     void* handle) {
  Handle content;
  for (int rail : device.rails) {
    StatusOr<sockaddr_storage> address = acceptor_->Open(rail);
    if (!address.ok()) return address.status();
    content.rails.push_back(*address);
  }
  content.listener = next_id_++;
  content.nonce = Random();
  content.pid = getpid();
  content.host = shm_ != nullptr ? config_.host : 0;
  EncodeHandle(content, handle);
  auto listener =
      std::make_unique<ListenComm>(this, content.listener, content.nonce);
  listeners_[content.listener] = listener.get();
  return listener;
}

StatusOr<std::unique_ptr<SendComm>> Engine::Connect(const Device& device,
                                                    void* handle) {
  Handle content;
  ITHACA_RETURN_IF_ERROR(DecodeHandle(handle, &content));
  if (content.attempt == 0) {
    ConnectionId id;
    const uint64_t halves[2] = {Random(), Random()};
    std::copy_n(reinterpret_cast<const uint8_t*>(halves), id.size(), id.data());
    content.attempt = next_id_++;
    SetHandleAttempt(handle, content.attempt);
    auto comm = std::make_unique<SendComm>(this, device, content, id);
    dialing_.insert(comm.get());
    senders_[id] = comm.get();
    comms_[comm->connection()] = comm.get();
    attempts_[content.attempt].comm = std::move(comm);
  }
  const auto attempt = attempts_.find(content.attempt);
  if (attempt == attempts_.end())
    return Status(Code::kInvalidArgument,
                  "the handle belongs to a connection that is made, failed or "
                  "was given up already");
  SendComm* const comm = attempt->second.comm.get();
  attempt->second.asked_ns = config_.clock->NowNs();
  Progress();
  comm->Step();
  const Status verdict = comm->Verdict();
  if (!verdict.ok()) {
    attempts_.erase(attempt);
    SetHandleAttempt(handle, 0);
    return verdict;
  }
  if (!comm->connected()) return std::unique_ptr<SendComm>();
  std::unique_ptr<SendComm> connected = std::move(attempt->second.comm);
  attempts_.erase(attempt);
  SetHandleAttempt(handle, 0);
  return connected;
}

StatusOr<std::unique_ptr<RecvComm>> Engine::Accept(ListenComm* listener) {
  Progress();
  const auto ready =
      std::find_if(listener->ready_.begin(), listener->ready_.end(),
                   [](const auto& comm) { return comm->Confirmed(); });
  if (ready != listener->ready_.end()) {
    std::unique_ptr<RecvComm> comm = std::move(*ready);
    listener->ready_.erase(ready);
    listener->waiting_since_ns_ = 0;
    return comm;
  }
  const int64_t now_ns = config_.clock->NowNs();
  if (listener->waiting_since_ns_ == 0) listener->waiting_since_ns_ = now_ns;
  if (now_ns - listener->waiting_since_ns_ <
      config_.options.peer_timeout_s * kNsPerSecond)
    return std::unique_ptr<RecvComm>();
  return Errorf(Code::kDeadlineExceeded,
                "no peer connected within %d s (ITHACA_PEER_TIMEOUT); is its "
                "process alive, and do firewalls let its rails through?",
                config_.options.peer_timeout_s);
}

// --- Answering hellos.

bool Engine::Refuse(int fd, Verdict verdict, const std::string& why) {
  Welcome welcome;
  welcome.verdict = verdict;
  welcome.text = why;
  Answer(fd, welcome);
  return true;
}

void Engine::Answer(int fd, const Welcome& welcome) {
  const std::string bytes = EncodeWelcome(welcome);
  // A fresh socket takes this much; whoever does not read it is no loss.
  (void)!send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  shutdown(fd, SHUT_WR);
  poller_->Linger(fd);
}

RecvComm* Engine::ReceiverFor(const Hello& hello, const std::string& peer) {
  const auto known = receivers_.find(hello.connection);
  if (known != receivers_.end())
    return known->second->Owns(hello) ? known->second : nullptr;
  const auto listener = listeners_.find(hello.listener);
  if (listener == listeners_.end() ||
      listener->second->nonce() != hello.nonce ||
      !listener->second->seen_.insert(hello.connection).second)
    return nullptr;
  RecvConnection::Options options;
  options.peer = "process " + std::to_string(hello.pid) + " at " + peer;
  options.broker = &broker_;
  options.owner = this;
  options.clock = config_.clock;
  options.log = config_.log;
  auto comm = std::make_unique<RecvComm>(this, hello.connection, hello.listener,
                                         hello.nonce, options);
  RecvComm* const receiver = comm.get();
  receivers_[hello.connection] = receiver;
  comms_[receiver->connection()] = receiver;
  listener->second->ready_.push_back(std::move(comm));
  return receiver;
}

bool Engine::IsLate(const Hello& hello) const {
  const auto listener = listeners_.find(hello.listener);
  return listener != listeners_.end() &&
         listener->second->nonce() == hello.nonce &&
         listener->second->seen_.count(hello.connection) > 0;
}

bool Engine::OnKnock(int fd, const Hello& hello) {
  const auto sender = senders_.find(hello.connection);
  if (sender == senders_.end()) {
    close(fd);
    return true;
  }
  if (!sender->second->connection()->status().ok())
    return Refuse(fd, Verdict::kRefused, "the connection has failed already");
  Answer(fd, Welcome());
  return true;
}

bool Engine::OnHello(int rail, int fd, const std::string& peer,
                     const Hello& hello) {
  if (hello.kinds == 0) return OnKnock(fd, hello);
  RecvComm* const comm = ReceiverFor(hello, peer);
  if (comm == nullptr) {
    // Not a word to whoever cannot name a listener of ours. A lane dialled for
    // a connection that was closed meanwhile is no stranger.
    close(fd);
    return hello.dial > 1 || IsLate(hello);
  }
  if (!comm->connection()->status().ok())
    return Refuse(fd, Verdict::kRefused, "the connection has failed already");
  if (hello.dial <= comm->connection()->dial(hello.lane))
    return Refuse(fd, Verdict::kStale, "a later dial was answered already");
  comm->connection()->SetPeer(hello.lane, PeerNumber(peer, hello));
  const Status status = AddAcceptedLane(
      comm, rail, fd, config_.rails[rail].name + " <- " + peer, hello);
  if (!status.ok())
    ITHACA_WARN(*config_.log, "ithaca: cannot take a lane from %s: %s",
                peer.c_str(), status.ToString().c_str());
  return true;
}

// --- Progress.

void Engine::Progress() {
  // Costs next to nothing when idle, unlike a look at the network.
  const int shm_events = shm_ == nullptr ? 0 : shm_->Progress();
  if (shm_events > 0) Kick();
  const int64_t now_ns = config_.clock->NowNs();
  if (now_ns - last_idle_ns_ < kIdleNs && !poller_->hot()) return;
  last_poll_ns_ = now_ns;
  int events = shm_events + poller_->Poll();
  if (ucx_ != nullptr) events += ucx_->Progress();
  broker_.Serve(now_ns);
  const bool tick = now_ns - last_tick_ns_ >= kTickNs;
  if (tick) MoveTo(&to_flush_, &to_flush_later_);
  if (!to_flush_soon_.empty() && now_ns >= flush_soon_by_ns_)
    MoveTo(&to_flush_, &to_flush_soon_);
  Kick();
  if (tick) Tick(now_ns);
  last_idle_ns_ = events == 0 ? now_ns : 0;
}

void Engine::Kick() {
  for (size_t i = 0; i < to_flush_.size(); ++i) to_flush_[i]->Flush();
  to_flush_.clear();
  for (Connection* connection : to_reap_) connection->ReapLanes();
  to_reap_.clear();
  // Not within a lane's callback here, so lanes may go. Before they would write
  // zeros for memory that a failed connection has let go of.
  DropFailed();
  poller_->Flush();
  DropFailed();
}

void Engine::DropFailed() {
  while (!failed_.empty()) {
    Connection* const connection = failed_.back();
    failed_.pop_back();
    connection->DropLanes();
  }
}

void Engine::OnWantsFlush(Connection* connection) {
  to_flush_.push_back(connection);
}

void Engine::OnWantsFlushSoon(Connection* connection) {
  if (to_flush_soon_.empty())
    flush_soon_by_ns_ = config_.clock->NowNs() + kSoonNs;
  to_flush_soon_.push_back(connection);
  WantCare();
}

void Engine::OnWantsFlushLater(Connection* connection) {
  to_flush_later_.push_back(connection);
  WantCare();
}

void Engine::OnFailed(Connection* connection) { failed_.push_back(connection); }

void Engine::OnBusy(Connection* connection) {
  const auto comm = comms_.find(connection);
  if (comm == comms_.end()) return;
  connection->set_watched(true);
  comm->second->StartWatch(config_.clock->NowNs());
  watched_.push_back(comm->second);
  WantCare();
}

void Engine::OnLaneLost(Connection* connection, int rail, const Status& why) {
  rail_events_.OnLost(rail, connection->peer(), connection->lanes_up(), why);
  to_reap_.push_back(connection);
  if (!connection->watched()) OnBusy(connection);
}

void Engine::OnLaneBack(Connection* connection, int rail) {
  rail_events_.OnBack(rail, connection->peer());
}

void Engine::OnRegranted(int rail, uint64_t bytes) {
  rail_events_.OnRegranted(rail, bytes);
}

void Engine::Forget(Connection* connection) {
  const auto comm = comms_.find(connection);
  if (comm != comms_.end()) {
    watched_.erase(std::remove(watched_.begin(), watched_.end(), comm->second),
                   watched_.end());
    comms_.erase(comm);
  }
  to_reap_.erase(std::remove(to_reap_.begin(), to_reap_.end(), connection),
                 to_reap_.end());
  to_flush_.erase(std::remove(to_flush_.begin(), to_flush_.end(), connection),
                  to_flush_.end());
  to_flush_soon_.erase(
      std::remove(to_flush_soon_.begin(), to_flush_soon_.end(), connection),
      to_flush_soon_.end());
  to_flush_later_.erase(
      std::remove(to_flush_later_.begin(), to_flush_later_.end(), connection),
      to_flush_later_.end());
  failed_.erase(std::remove(failed_.begin(), failed_.end(), connection),
                failed_.end());
}

void Engine::ExpireLater(LaneGuard* guard) {
  expiring_[guard] = config_.clock->NowNs() + kLaneGraceNs;
}

void Engine::Forget(LaneGuard* guard) { expiring_.erase(guard); }

void Engine::Forget(ListenComm* listener) { listeners_.erase(listener->id()); }

void Engine::Forget(SendComm* comm) {
  // What was queued (nothing, or a last frame) goes out with the lanes.
  dialing_.erase(comm);
  senders_.erase(comm->id());
  Forget(comm->connection());
}

void Engine::Forget(RecvComm* comm) {
  comm->connection()->Flush();  // the last acknowledgement
  receivers_.erase(comm->id());
  Forget(comm->connection());
}

}  // namespace ithaca::net
