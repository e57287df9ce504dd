#include "plugin/transport/credit_sim.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <deque>
#include <utility>

#include "plugin/rails/lane_picker.h"
#include "plugin/transport/fragments.h"

namespace ithaca {
namespace {

constexpr uint64_t kChunk = 4096;
constexpr uint64_t kGrantBytes = 100;
constexpr int kMaxLanes = rails::LanePicker::kMaxLanes;

}  // namespace

// First in, first out, at a rate.
struct CreditSim::Link {
  double bytes_per_second = 0;
  uint64_t limit = 0;  // 0: deep
  int64_t busy_until_ns = 0;
  uint64_t deepest = 0;

  int64_t WaitNs(int64_t now_ns) const {
    return std::max<int64_t>(0, busy_until_ns - now_ns);
  }
  // When it has left, or -1: dropped.
  int64_t Pass(uint64_t bytes, int64_t now_ns) {
    busy_until_ns = std::max(busy_until_ns, now_ns);
    const uint64_t waiting =
        (busy_until_ns - now_ns) * 1e-9 * bytes_per_second + bytes;
    if (limit != 0 && waiting > limit) return -1;
    deepest = std::max(deepest, waiting);
    return busy_until_ns += bytes * 1e9 / bytes_per_second;
  }
};

// A piece of a fragment on its way.
struct CreditSim::Chunk {
  int lane = 0;
  int epoch = 0;
  uint64_t number = 0;  // on its lane
  uint64_t bytes = 0;
  bool last = false;  // of its fragment
  uint32_t message = 0;
  uint64_t offset = 0;
  uint32_t fragment_bytes = 0;
  int64_t sent_ns = 0;
  uint32_t retransmits = 0;  // as the sender knew when it sent
};

struct CreditSim::Lane {
  int epoch = 0;
  bool up = true;
  uint32_t retransmits = 0;
  uint64_t next_number = 0;  // to send
  uint64_t expected = 0;     // to deliver
  std::map<uint64_t, Chunk> early;
};

struct CreditSim::Host {
  Host(int rails, Options options)
      : broker(rails, {}), egress(rails), port(rails), broken(rails) {
    for (int rail = 0; rail < rails; ++rail) {
      egress[rail].bytes_per_second = options.bytes_per_second;
      port[rail].bytes_per_second = options.bytes_per_second;
      port[rail].limit = options.queue_bytes;
    }
  }
  rails::CreditBroker broker;
  std::vector<Link> egress;
  std::vector<Link> port;
  std::vector<int> broken;  // how often Break() was called without Mend()
  bool polls = false;
  bool stopped = false;
  std::vector<std::function<void()>> when_going_on;
  std::array<uint64_t, kMaxLanes> received{};
};

// The receiving end, and what the sender knows.
struct CreditSim::Connection : rails::CreditWaiter {
  Connection(CreditSim* sim, int from, int to)
      : sim(*sim),
        from(from),
        to(to),
        host(*sim->hosts_[to]),
        picker(&host.broker, this),
        lanes(sim->options_.rails) {
    for (size_t i = 0; i < lanes.size(); ++i) {
      lanes[i].up = sim->Works(*this, i);
      if (lanes[i].up) picker.SetUp(i, i, from);
    }
  }

  struct Message {
    uint64_t bytes = 0;
    Fragments fragments;
    std::map<uint64_t, uint64_t> arrived;  // first byte, bytes
  };

  void OnCredit() override {
    ++sim.counters_.turns;
    Grant();
  }
  void Grant() {
    while (!granting.empty()) {
      const uint32_t index = granting.front();
      Fragments& fragments = messages[index].fragments;
      if (fragments.ungranted() == 0) {
        granting.pop_front();
        continue;
      }
      uint64_t bytes = 0;
      ++sim.counters_.picks;
      const int lane = picker.Pick(ungranted, sim.now_ns_, &bytes);
      if (lane == rails::LanePicker::kNone) return picker.Wait(sim.now_ns_);
      GrantFragment(index, lane, bytes);
    }
  }
  void GrantFragment(uint32_t index, int lane, uint64_t bytes) {
    ++sim.counters_.fragments;
    const int via = picker.Fastest(lane, sim.now_ns_);
    const Fragment fragment =
        messages[index].fragments.Grant(bytes, lane, via, sim.now_ns_);
    ungranted -= fragment.bytes;
    picker.OnGranted(lane, fragment.bytes, sim.now_ns_);
    // Grants wait behind what this host sends, and in full uplinks.
    Link& egress = host.egress[via];
    int64_t left = std::min<int64_t>(
        egress.Pass(kGrantBytes, sim.now_ns_) - sim.now_ns_,
        sim.options_.device_bytes * 1e9 / egress.bytes_per_second);
    const int pod = sim.pod_of_[to], peers_pod = sim.pod_of_[from];
    if (pod != peers_pod) {
      left += sim.up_[pod][via].WaitNs(sim.now_ns_ + left);
      left += sim.down_[peers_pod][via].WaitNs(sim.now_ns_ + left);
    }
    Chunk chunk;
    chunk.lane = lane;
    chunk.message = index;
    chunk.offset = fragment.offset;
    chunk.fragment_bytes = fragment.bytes;
    const int via_epoch = lanes[via].epoch;
    sim.After(left + 3 * sim.options_.hop_ns, [this, chunk, via, via_epoch] {
      if (lanes[via].epoch == via_epoch && sim.Works(*this, via))
        sim.OnGrant(this, chunk);
    });
  }

  CreditSim& sim;
  const int from, to;
  Host& host;
  rails::LanePicker picker;
  std::vector<Lane> lanes;
  std::deque<Message> messages;
  std::deque<uint32_t> granting;
  uint64_t ungranted = 0;
  uint64_t received = 0;
};

CreditSim::CreditSim(Options options) : options_(std::move(options)) {
  for (int i = 0; i < options_.hosts; ++i)
    hosts_.push_back(std::make_unique<Host>(options_.rails, options_));
  for (size_t pod = 0; pod < options_.pods.size(); ++pod)
    pod_of_.insert(pod_of_.end(), options_.pods[pod], pod);
  pod_of_.resize(options_.hosts);
  Link uplink;
  uplink.bytes_per_second = options_.uplink_bytes_per_second;
  uplink.limit = options_.queue_bytes;
  up_.assign(options_.pods.size(), std::vector<Link>(options_.rails, uplink));
  down_ = up_;
}

CreditSim::~CreditSim() = default;

void CreditSim::After(int64_t delay_ns, std::function<void()> what) {
  events_.push({now_ns_ + delay_ns, order_++, std::move(what)});
}

int64_t CreditSim::Run(int64_t most_ns) {
  const int64_t begin = now_ns_;
  while (!Done() && now_ns_ - begin < most_ns) {
    Event event = events_.top();
    events_.pop();
    now_ns_ = event.when_ns;
    event.what();
  }
  return Done() ? now_ns_ - begin : -1;
}

void CreditSim::Poll(int host) {
  hosts_[host]->broker.Serve(now_ns_);
  After(options_.serve_ns, [this, host] { Poll(host); });
}

// --- What happens to hosts.

void CreditSim::SetSpeed(int host, int rail, double bytes_per_second) {
  hosts_[host]->egress[rail].bytes_per_second = bytes_per_second;
  hosts_[host]->port[rail].bytes_per_second = bytes_per_second;
}

void CreditSim::Break(int host, int rail, int64_t found_ns) {
  ++hosts_[host]->broken[rail];
  After(found_ns, [this, host, rail] {
    for (auto& [ends, connection] : connections_)
      if (ends.first == host || ends.second == host)
        LoseLane(connection.get(), rail);
  });
}

void CreditSim::LoseLane(Connection* connection, int rail) {
  Lane& lane = connection->lanes[rail];
  if (!lane.up || Works(*connection, rail)) return;
  const int epoch = lane.epoch + 1;
  lane = Lane();
  lane.epoch = epoch;
  lane.up = false;
  connection->picker.SetDown(rail);
  for (uint32_t i = 0; i < connection->messages.size(); ++i) {
    connection->messages[i].fragments.Lose(rail, [&](const Fragment& lost) {
      if (lost.lane != rail) connection->picker.OnLost(lost.lane, lost.bytes);
      connection->ungranted += lost.bytes;
      connection->granting.push_back(i);
    });
  }
  connection->Grant();
}

void CreditSim::Mend(int host, int rail) {
  --hosts_[host]->broken[rail];
  for (auto& [ends, connection] : connections_) {
    if (ends.first != host && ends.second != host) continue;
    if (!Works(*connection, rail)) continue;
    // Not found broken yet: its sender's kernel would go on, but what was lost
    // is not modelled; a fresh lane is.
    if (connection->lanes[rail].up) {
      ++hosts_[host]->broken[rail];
      LoseLane(connection.get(), rail);
      --hosts_[host]->broken[rail];
    }
    connection->lanes[rail].up = true;
    connection->picker.SetUp(rail, rail, connection->from);
    connection->Grant();
  }
}

void CreditSim::Stop(int host, bool stop) {
  hosts_[host]->stopped = stop;
  if (stop) return;
  for (auto& what : std::exchange(hosts_[host]->when_going_on, {})) what();
}

bool CreditSim::Works(const Connection& connection, int rail) const {
  return hosts_[connection.from]->broken[rail] == 0 &&
         hosts_[connection.to]->broken[rail] == 0;
}

// --- What travels.

CreditSim::Connection* CreditSim::Between(int from, int to) {
  std::unique_ptr<Connection>& connection = connections_[{from, to}];
  if (connection != nullptr) return connection.get();
  connection = std::make_unique<Connection>(this, from, to);
  // Who receives polls.
  if (!std::exchange(hosts_[to]->polls, true)) Poll(to);
  return connection.get();
}

void CreditSim::Send(int from, int to, uint64_t bytes) {
  Connection* const connection = Between(from, to);
  ++unfinished_;
  connection->messages.emplace_back().bytes = bytes;
  connection->messages.back().fragments.Reset(bytes);
  connection->granting.push_back(connection->messages.size() - 1);
  connection->ungranted += bytes;
  connection->Grant();
}

void CreditSim::OnGrant(Connection* connection, Chunk chunk) {
  Host& sender = *hosts_[connection->from];
  if (sender.stopped) {
    sender.when_going_on.push_back([=] { OnGrant(connection, chunk); });
    return;
  }
  Lane& lane = connection->lanes[chunk.lane];
  if (!lane.up) return;  // lost meanwhile: granted again
  chunk.epoch = lane.epoch;
  chunk.sent_ns = now_ns_;
  chunk.retransmits = lane.retransmits;
  for (uint64_t left = chunk.fragment_bytes; left > 0; left -= chunk.bytes) {
    chunk.bytes = std::min(left, kChunk);
    chunk.last = chunk.bytes == left;
    chunk.number = lane.next_number++;
    Hop(connection, chunk, 0);
  }
}

// Egress, uplink and downlink between pods, port.
void CreditSim::Hop(Connection* connection, Chunk chunk, int hop) {
  Lane& lane = connection->lanes[chunk.lane];
  if (lane.epoch != chunk.epoch || !Works(*connection, chunk.lane)) return;
  const int from = pod_of_[connection->from], to = pod_of_[connection->to];
  if (hop == 1 && from == to) hop = 3;
  Link* const links[] = {&hosts_[connection->from]->egress[chunk.lane],
                         from == to ? nullptr : &up_[from][chunk.lane],
                         from == to ? nullptr : &down_[to][chunk.lane],
                         &connection->host.port[chunk.lane]};
  if (hop == 4) return OnChunk(connection, chunk);
  const int64_t left_ns = links[hop]->Pass(chunk.bytes, now_ns_);
  if (left_ns >= 0) {
    After(left_ns - now_ns_ + options_.hop_ns,
          [=] { Hop(connection, chunk, hop + 1); });
    return;
  }
  ++counters_.drops;
  After(options_.retransmit_ns, [=] {
    Lane& lane = connection->lanes[chunk.lane];
    if (lane.epoch == chunk.epoch) ++lane.retransmits;
    Hop(connection, chunk, 0);
  });
}

void CreditSim::OnChunk(Connection* connection, const Chunk& chunk) {
  Lane& lane = connection->lanes[chunk.lane];
  lane.early[chunk.number] = chunk;
  while (!lane.early.empty() && lane.early.begin()->first == lane.expected) {
    const Chunk next = lane.early.begin()->second;
    lane.early.erase(lane.early.begin());
    ++lane.expected;
    if (next.last) OnFragment(connection, next);
  }
  connection->host.broker.Serve(now_ns_);
}

void CreditSim::OnFragment(Connection* connection, const Chunk& last) {
  Connection::Message& message = connection->messages[last.message];
  connection->picker.OnRetransmits(last.lane, last.retransmits, now_ns_);
  const Fragment* const fragment =
      message.fragments.Find(last.offset, last.fragment_bytes);
  ASSERT_NE(fragment, nullptr) << "sent what was not granted";
  if (fragment->state == Fragment::State::kArrived) return;
  if (fragment->state == Fragment::State::kGranted)
    connection->picker.OnArrived(
        fragment->lane, fragment->bytes,
        {fragment->granted_ns, last.sent_ns + 77'000'000'000, now_ns_});
  else
    connection->ungranted -= fragment->bytes;
  message.fragments.Arrive(fragment);
  ASSERT_TRUE(message.arrived.emplace(last.offset, last.fragment_bytes).second);
  connection->received += last.fragment_bytes;
  connection->host.received[last.lane] += last.fragment_bytes;
  if (!message.fragments.complete()) return;
  ++counters_.messages;
  --unfinished_;
  uint64_t next = 0;  // every byte, and once
  for (const auto& [offset, bytes] : message.arrived) {
    ASSERT_EQ(offset, next);
    next += bytes;
  }
  ASSERT_EQ(next, message.bytes);
  message.arrived.clear();
}

// --- What tests look at.

const rails::CreditBroker& CreditSim::broker(int host) const {
  return hosts_[host]->broker;
}

uint64_t CreditSim::received(int to, int from) const {
  const auto found = connections_.find({from, to});
  return found == connections_.end() ? 0 : found->second->received;
}

uint64_t CreditSim::received_over(int to, int rail) const {
  return hosts_[to]->received[rail];
}

uint64_t CreditSim::deepest_bytes(int host, int rail) const {
  return hosts_[host]->port[rail].deepest;
}

}  // namespace ithaca
