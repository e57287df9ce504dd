#include "plugin/rails/credit_broker.h"

#include <algorithm>
#include <array>
#include <utility>

#include "plugin/rails/loss_memory.h"
#include "plugin/rails/rail_speed.h"

namespace ithaca::rails {
namespace {

constexpr uint64_t kMostWindow = 8 << 20;
// On a fast path more than this, unless the round trip holds it, only fills
// sockets: what waits there has left the caches before it is read.
constexpr double kPlenty = 2 << 20;
constexpr uint64_t kLeastFragment = 16 << 10;
constexpr uint64_t kMostFragment = 512 << 10;
// Below this the frames' heads and acknowledgements cost more than a smaller
// fragment wins.
constexpr uint64_t kSmallestFragment = 8 << 10;
// What all narrow paths of a rail together may have on its way: a full uplink
// between switches is shared with other receivers, which do the same.
constexpr uint64_t kNarrowBytes = 20 << 10;
constexpr uint64_t kPage = 4096;
constexpr double kWindowSeconds = 1.3e-3;
// A fragment is no more than its path brings in this time.
constexpr double kPathSeconds = 4 * kWindowSeconds;
constexpr double kFragmentSeconds = 128e-6;

}  // namespace

// A path with those who use it.
struct PathState {
  int rail = 0;
  uint64_t peer = 0;
  Path path;
  int references = 0;  // tickets, queues that it stands in, grants
  std::list<Ticket*> waiting;
  uint64_t granted = 0;      // bytes in all
  uint64_t settled = 0;      // of them, arrived or lost
  bool active = false;       // counted in Rail::active
  bool queued = false;       // stands in Rail::ready or Rail::ready_narrow
  uint64_t written_off = 0;  // of path.outstanding(), not in Rail::outstanding
  LossMemory loss;
  bool narrow = false;  // by its loss, as counted in Rail::narrow_outstanding
};

struct CreditBroker::Rail {
  uint64_t outstanding = 0;
  // How long the last grants waited at this end, in turn, and the least.
  std::array<int64_t, 16> grant_waits{};
  unsigned next_wait = 0;
  int64_t grant_wait_ns = 0;
  int64_t base_delay_ns = 0;  // of the path that brought something last
  int active = 0;             // paths with something to send or on the way
  RailSpeed speed;
  Share share;
  uint64_t narrow_outstanding = 0;  // of it, by narrow paths
  std::deque<PathState*> ready;     // have waiters, and room of their own
  std::deque<PathState*> ready_narrow;
  // Grants by age. What is late waits in a queue elsewhere (its sender's rail
  // is slow, or stopped), and must not take the room of others here.
  struct Grant {
    int64_t granted_ns;
    PathState* path;
    uint64_t up_to;  // PathState::granted with it
  };
  std::deque<Grant> grants;
};

CreditBroker::CreditBroker(int rails, Limits limits)
    : limits_(limits), rails_(rails) {}

CreditBroker::~CreditBroker() = default;

uint64_t CreditBroker::outstanding(int rail) const {
  return rails_[rail].outstanding;
}

double CreditBroker::bytes_per_second(int rail) const {
  return rails_[rail].speed.bytes_per_second();
}

void CreditBroker::SetShare(int i, Share share) { rails_[i].share = share; }

CreditBroker::Load CreditBroker::load(int rail) const {
  return {rails_[rail].active > 0, rails_[rail].speed.arrived()};
}

uint64_t CreditBroker::window_bytes(int index) const {
  const Rail& rail = rails_[index];
  const uint64_t alone = window_alone(index);
  return std::min(alone, alone / rail.share.engines + FragmentBytes(rail));
}

uint64_t CreditBroker::window_alone(int index) const {
  if (limits_.window_bytes != 0) return limits_.window_bytes;
  const Rail& rail = rails_[index];
  const double speed =
      std::max(rail.speed.bytes_per_second(), rail.share.bytes_per_second);
  const double round_trip =
      speed * (rail.base_delay_ns * 1e-9 + kFragmentSeconds);
  const double grant_wait = speed * rail.grant_wait_ns * 1e-9;
  const double window =
      std::max(std::min(speed * kWindowSeconds, kPlenty), round_trip);
  return std::clamp<double>(window + grant_wait, 2 * FragmentBytes(rail),
                            kMostWindow);
}

// Without what grants wait at this end: the queue that a fragment meets.
int64_t CreditBroker::TargetNs(const Rail& rail) const {
  const double speed = rail.speed.bytes_per_second();
  const double seconds = speed == 0 ? 0 : 2 * FragmentBytes(rail) / speed;
  return 1e9 * std::max(kWindowSeconds, seconds);
}

uint64_t CreditBroker::FragmentBytes(const Rail& rail) const {
  if (limits_.fragment_bytes != 0) return limits_.fragment_bytes;
  const double bytes = rail.speed.bytes_per_second() * kFragmentSeconds;
  const uint64_t least =
      rail.share.engines > 1 ? kSmallestFragment : kLeastFragment;
  return std::clamp<double>(bytes, least, kMostFragment);
}

bool CreditBroker::HasRoom(const Rail& rail, uint64_t bytes) const {
  return rail.outstanding == 0 ||
         rail.outstanding + bytes <= window_bytes(&rail - rails_.data());
}

uint64_t CreditBroker::Budget(const PathState& state) const {
  const Rail& rail = rails_[state.rail];
  const uint64_t fair = std::max(
      FragmentBytes(rail), window_bytes(state.rail) / std::max(1, rail.active));
  const double own = state.path.budget();
  return own == 0 ? fair : std::min<double>(own, fair);
}

uint64_t CreditBroker::Offer(const PathState& state) const {
  const Rail& rail = rails_[state.rail];
  if (Full(state)) return 0;
  const uint64_t most = FragmentBytes(rail);
  double bears = Budget(state);
  const double speed = state.path.bytes_per_second();
  if (limits_.fragment_bytes == 0 && speed > 0)
    bears = std::min(bears, speed * kPathSeconds);
  const uint64_t offer =
      std::clamp(static_cast<uint64_t>(bears) / kPage * kPage,
                 std::min(kSmallestFragment, most), most);
  if (state.narrow && rail.narrow_outstanding > 0 &&
      rail.narrow_outstanding + offer > kNarrowBytes)
    return 0;
  return HasRoom(rail, offer) ? offer : 0;
}

bool CreditBroker::Full(const PathState& state) const {
  const uint64_t outstanding = state.path.outstanding();
  return outstanding > 0 &&
         outstanding + FragmentBytes(rails_[state.rail]) > Budget(state);
}

// --- Queues.

void CreditBroker::Queue(PathState* state) {
  // A full path is queued when something of its own arrives.
  if (state->queued || state->waiting.empty() || Full(*state)) return;
  state->queued = true;
  ++state->references;
  ReadyQueue(*state)->push_back(state);
}

std::deque<PathState*>* CreditBroker::ReadyQueue(const PathState& state) {
  Rail& rail = rails_[state.rail];
  return state.narrow ? &rail.ready_narrow : &rail.ready;
}

void CreditBroker::CountActive(PathState* state) {
  const bool active = !state->waiting.empty() || state->path.outstanding() > 0;
  rails_[state->rail].active += active - state->active;
  state->active = active;
}

void CreditBroker::SetNarrow(PathState* state, bool narrow) {
  if (narrow == state->narrow) return;
  state->narrow = narrow;
  uint64_t& sum = rails_[state->rail].narrow_outstanding;
  const uint64_t counted = state->path.outstanding() - state->written_off;
  sum = narrow ? sum + counted : sum - counted;
}

void CreditBroker::Uncount(PathState* state, uint64_t bytes) {
  Rail& rail = rails_[state->rail];
  rail.outstanding -= bytes;
  if (state->narrow) rail.narrow_outstanding -= bytes;
}

void CreditBroker::Settle(PathState* state, uint64_t bytes) {
  state->settled += bytes;
  const uint64_t written_off = std::min(bytes, state->written_off);
  state->written_off -= written_off;
  Uncount(state, bytes - written_off);
  CountActive(state);
  Queue(state);
}

void CreditBroker::Serve(int64_t now_ns) {
  now_ns_ = now_ns;
  for (Rail& rail : rails_) {
    WriteOffLate(&rail);
    // The narrow ones first: what they share is what everybody waits for.
    ServeQueue(&rail.ready_narrow);
    ServeQueue(&rail.ready);
  }
}

void CreditBroker::ServeQueue(std::deque<PathState*>* ready) {
  // One turn each; whoever wants more queues again behind the others.
  for (size_t turns = ready->size(); turns > 0; --turns) {
    PathState* const state = ready->front();
    const bool wants = !state->waiting.empty() && !Full(*state);
    // Since it was queued it may have become narrow, or no more so: then it
    // waits in the other queue.
    const bool belongs = ReadyQueue(*state) == ready;
    if (wants && belongs && Offer(*state) == 0) return;
    ready->pop_front();
    state->queued = false;
    if (wants && belongs)
      CallNext(state);
    else
      Queue(state);
    Release(state);
  }
}

void CreditBroker::CallNext(PathState* state) {
  Ticket* const ticket = state->waiting.front();
  state->waiting.pop_front();
  ticket->waiting_ = false;
  ticket->owner_->OnCredit();
  CountActive(state);
  Queue(state);
}

void CreditBroker::Release(PathState* state) {
  if (--state->references == 0) paths_.erase({state->rail, state->peer});
}

void CreditBroker::WriteOffLate(Rail* rail) {
  const int64_t target_ns =
      2 * TargetNs(*rail) + rail->base_delay_ns + rail->grant_wait_ns;
  while (!rail->grants.empty()) {
    const Rail::Grant& grant = rail->grants.front();
    PathState* const state = grant.path;
    if (grant.up_to > state->settled && now_ns_ - grant.granted_ns < target_ns)
      return;
    if (grant.up_to > state->settled + state->written_off) {
      const uint64_t late = grant.up_to - state->settled - state->written_off;
      state->written_off += late;
      Uncount(state, late);
    }
    rail->grants.pop_front();
    Release(state);
  }
}

// --- Tickets.

void Ticket::Enter(CreditBroker* broker, int rail, uint64_t peer,
                   CreditWaiter* owner) {
  Leave();
  std::unique_ptr<PathState>& state = broker->paths_[{rail, peer}];
  if (state == nullptr) {
    state = std::make_unique<PathState>();
    state->rail = rail;
    state->peer = peer;
  }
  ++state->references;
  broker_ = broker;
  owner_ = owner;
  path_ = state.get();
}

void Ticket::Leave() {
  if (path_ == nullptr) return;
  if (waiting_) path_->waiting.erase(place_);
  waiting_ = false;
  PathState* const state = std::exchange(path_, nullptr);
  const uint64_t lost = std::exchange(outstanding_, 0);
  state->path.OnLost(lost);
  broker_->Settle(state, lost);
  broker_->Release(state);
}

uint64_t Ticket::Offer(int64_t now_ns) const {
  broker_->now_ns_ = now_ns;
  return broker_->Offer(*path_);
}

void Ticket::Take(uint64_t bytes, int64_t now_ns) {
  CreditBroker::Rail& rail = broker_->rails_[path_->rail];
  if (rail.outstanding == 0) rail.speed.OnBusy(now_ns);
  outstanding_ += bytes;
  rail.outstanding += bytes;
  path_->path.OnGranted(bytes);
  path_->granted += bytes;
  if (path_->narrow) rail.narrow_outstanding += bytes;
  ++path_->references;
  broker_->CountActive(path_);
  rail.grants.push_back({now_ns, path_, path_->granted});
}

void Ticket::Arrived(uint64_t bytes, const FragmentTimes& times) {
  const int64_t now_ns = broker_->now_ns_ = times.arrived_ns;
  CreditBroker::Rail& rail = broker_->rails_[path_->rail];
  rail.speed.OnArrived(bytes, now_ns);
  outstanding_ -= bytes;
  const uint64_t fragment = broker_->FragmentBytes(rail);
  path_->path.OnArrived(
      bytes, times,
      {2 * broker_->TargetNs(rail), fragment,
       std::max(fragment, broker_->window_bytes(path_->rail))});
  rail.grant_waits[rail.next_wait++ % rail.grant_waits.size()] =
      path_->path.grant_wait_ns();
  rail.grant_wait_ns =
      *std::min_element(rail.grant_waits.begin(), rail.grant_waits.end());
  rail.base_delay_ns = path_->path.base_delay_ns();
  broker_->Settle(path_, bytes);
  broker_->SetNarrow(path_, path_->loss.narrow(now_ns));
}

void Ticket::Lost(uint64_t bytes) {
  outstanding_ -= bytes;
  path_->path.OnLost(bytes);
  broker_->Settle(path_, bytes);
}

void Ticket::Retransmitted(int64_t now_ns) {
  path_->loss.OnLoss(now_ns);
  broker_->SetNarrow(path_, path_->loss.narrow(now_ns));
}

void Ticket::Wait() {
  if (waiting_) return;
  waiting_ = true;
  place_ = path_->waiting.insert(path_->waiting.end(), this);
  broker_->CountActive(path_);
  broker_->Queue(path_);
}

int64_t Ticket::delay_ns(int64_t now_ns) const {
  return path_->path.delay_ns(now_ns);
}

}  // namespace ithaca::rails
