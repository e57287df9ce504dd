// Credit on whole fabrics in virtual time: how much of what the slowest links
// bear is used, and that every byte arrives once whatever breaks.
#include "plugin/transport/credit_sim.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <random>
#include <utility>
#include <vector>

namespace ithaca {
namespace {

#ifdef ITHACA_SANITIZED
constexpr bool kLight = true;
#else
constexpr bool kLight = false;
#endif

constexpr int64_t kMs = 1'000'000;
constexpr double kRate = 25e6;  // 200 Mbit/s
// What a short run uses of what a long one does: one retransmission more
// weighs.
constexpr double kFloor = kLight ? 0.75 : 1;
constexpr uint64_t kPerPair = kLight ? 128 << 10 : 1 << 20;
constexpr int64_t kLong = 60'000 * kMs;

CreditSim::Options Fabric(int hosts, int rails, uint64_t queue) {
  CreditSim::Options options;
  options.hosts = hosts;
  options.rails = rails;
  options.queue_bytes = queue;
  return options;
}

int64_t AllToAll(CreditSim* sim, int hosts, uint64_t bytes) {
  for (int i = 1; i < hosts; ++i)
    for (int from = 0; from < hosts; ++from)
      sim->Send(from, (from + i) % hosts, bytes);
  return sim->Run(kLong);
}

// `bound_s` over the time of an all-to-all, once the speeds are known.
double Used(CreditSim* sim, int hosts, double bound_s) {
  constexpr int kWarm = 2, kRounds = kLight ? 1 : 3;
  for (int i = 0; i < kWarm; ++i)
    EXPECT_GT(AllToAll(sim, hosts, kPerPair), 0) << "stuck";
  sim->Reset();
  double sum_s = 0;
  for (int i = 0; i < kRounds; ++i) {
    const int64_t took = AllToAll(sim, hosts, kPerPair);
    EXPECT_GT(took, 0) << "stuck";
    sum_s += took * 1e-9;
  }
  const double used = kRounds * bound_s / sum_s;
  printf("used %.3f of the bound, %llu chunks dropped\n", used,
         static_cast<unsigned long long>(sim->counters().drops));
  return used;
}

// Fractions that the algorithm reaches with a margin: of virtual time, so they
// are the same everywhere.
TEST(CreditSim, BalancedAllToAll) {
  for (const uint64_t queue : {64 << 10, 256 << 10})
    for (const int rails : {1, 2, 4}) {
      CreditSim sim(Fabric(8, rails, queue));
      EXPECT_GT(Used(&sim, 8, 7.0 * kPerPair / (rails * kRate)), 0.93 * kFloor)
          << rails << " rails, queues of " << queue;
    }
}

// As above goes in step: each sender has one receiver at a time. Where each
// receiver begins elsewhere, they meet at senders.
TEST(CreditSim, BalancedAllToAllInAnyOrder) {
  std::mt19937 random(1);
  std::vector<std::pair<int, int>> pairs;
  for (int from = 0; from < 8; ++from)
    for (int to = 0; to < 8; ++to)
      if (from != to) pairs.push_back({from, to});
  CreditSim sim(Fabric(8, 2, 64 << 10));
  int64_t took = 0;
  for (int round = 0; round < 3; ++round) {
    std::shuffle(pairs.begin(), pairs.end(), random);
    for (const auto& [from, to] : pairs) sim.Send(from, to, kPerPair);
    took = sim.Run(kLong);
    ASSERT_GT(took, 0) << "stuck";
  }
  const double used = 7.0 * kPerPair / (2 * kRate) / (took * 1e-9);
  printf("used %.3f of the bound\n", used);
  EXPECT_GT(used, 0.70 * kFloor);
  EXPECT_EQ(sim.counters().drops, 0);
}

TEST(CreditSim, OneSlowRail) {
  for (const double part : {0.25, 0.1}) {
    CreditSim sim(Fabric(8, 2, 64 << 10));
    sim.SetSpeed(3, 1, part * kRate);
    EXPECT_GT(Used(&sim, 8, 7.0 * kPerPair / ((1 + part) * kRate)),
              0.86 * kFloor)
        << part;
  }
}

TEST(CreditSim, PodsWithFullUplinks) {
  for (const int rails : {1, 2})
    for (const int over : {2, 4})
      for (const uint64_t queue : {64 << 10, 256 << 10}) {
        CreditSim::Options options = Fabric(8, rails, queue);
        options.pods = {4, 4};
        options.uplink_bytes_per_second = 4 * kRate / over;
        CreditSim sim(options);
        const double uplink_s =
            16.0 * kPerPair / (rails * options.uplink_bytes_per_second);
        EXPECT_GT(Used(&sim, 8, uplink_s), kFloor * (over == 2 ? 0.77 : 0.92))
            << rails << " rails, " << over << ":1, queues of " << queue;
      }
}

TEST(CreditSim, OneReceivesMuchMore) {
  CreditSim sim(Fabric(8, 2, 64 << 10));
  for (int round = 0; round < (kLight ? 1 : 3); ++round) {
    for (int from = 1; from < 8; ++from) sim.Send(from, 0, 8 * kPerPair);
    const int64_t took = AllToAll(&sim, 8, kPerPair);
    const double bound_s = 7 * 9.0 * kPerPair / (2 * kRate);
    EXPECT_GT(bound_s / (took * 1e-9), 0.93 * kFloor);
  }
  EXPECT_EQ(sim.counters().drops, 0);
}

// --- What breaks.

void ExpectNothingLeftOver(const CreditSim& sim, int hosts, int rails) {
  for (int host = 0; host < hosts; ++host)
    for (int rail = 0; rail < rails; ++rail)
      EXPECT_EQ(sim.broker(host).outstanding(rail), 0);
}

// The other rail goes on, what the dead one had is granted again when that is
// found, and it helps again once it works.
TEST(CreditSim, ARailThatDiesCostsItsPart) {
  // Sanitized, all is a quarter.
  const int64_t found = (kLight ? 90 : 350) * kMs;
  const int64_t down = (kLight ? 375 : 1500) * kMs;
  const uint64_t bytes = kLight ? 2 << 20 : 8 << 20;
  CreditSim sim(Fabric(4, 2, 64 << 10));
  AllToAll(&sim, 4, 1 << 20);
  const int64_t begin = (kLight ? 25 : 100) * kMs;
  sim.After(begin, [&] { sim.Break(1, 0, found); });
  sim.After(begin + down, [&] { sim.Mend(1, 0); });
  const uint64_t before = sim.received_over(1, 0);
  const int64_t took = AllToAll(&sim, 4, bytes) + AllToAll(&sim, 4, 3 * bytes);
  const double bound_s = 3 * 4.0 * bytes / (2 * kRate) + 0.5 * down * 1e-9;
  EXPECT_LT(took * 1e-9, bound_s / 0.85 + found * 1e-9);
  EXPECT_GT(sim.received_over(1, 0) - before, 3 * bytes) << "it came back";
  ExpectNothingLeftOver(sim, 4, 2);
}

TEST(CreditSim, EveryByteArrivesOnceWhileRailsComeAndGo) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(seed);
  printf("seed %u\n", seed);
  std::mt19937 random(seed);
  const int hosts = 5, rails = 3;
  for (int round = 0; round < (kLight ? 1 : 8) && !HasFailure(); ++round) {
    CreditSim::Options options = Fabric(hosts, rails, 32 << 10);
    options.retransmit_ns = (20 + random() % 180) * kMs;
    CreditSim sim(options);
    for (int i = 0; i < 40; ++i) {
      const int host = random() % hosts, rail = random() % rails;
      const int64_t from = random() % (1000 * kMs);
      const int64_t found = random() % 2 == 0 ? 0 : random() % (400 * kMs);
      sim.After(from, [=, &sim] { sim.Break(host, rail, found); });
      sim.After(from + random() % (800 * kMs),
                [=, &sim] { sim.Mend(host, rail); });
    }
    for (int i = 0; i < 5; ++i)
      for (int from = 0; from < hosts; ++from)
        for (int to = 0; to < hosts; ++to)
          if (from != to) sim.Send(from, to, 1 + random() % (1 << 20));
    ASSERT_GT(sim.Run(kLong), 0) << "stuck";
    EXPECT_EQ(sim.counters().messages, 5 * hosts * (hosts - 1));
    ExpectNothingLeftOver(sim, hosts, rails);
  }
}

TEST(CreditSim, AStoppedPeerHoldsNobodyUp) {
  const int hosts = 8;
  CreditSim sim(Fabric(hosts, 2, 64 << 10));
  AllToAll(&sim, hosts, 1 << 20);
  sim.Reset();
  sim.After(10 * kMs, [&] { sim.Stop(2, true); });
  for (int to = 0; to < hosts; ++to)
    for (int from = 0; from < hosts; ++from)
      if (from != to) sim.Send(from, to, 1 << 20);
  const double bound_s = 7.0 * (1 << 20) / (2 * kRate);
  EXPECT_EQ(sim.Run(1.6 * bound_s * 1e9), -1);
  EXPECT_EQ(sim.counters().messages, (hosts - 1) * (hosts - 1));
  sim.After(5000 * kMs, [&] { sim.Stop(2, false); });
  EXPECT_GT(sim.Run(kLong), 0);
  ExpectNothingLeftOver(sim, hosts, 2);
}

// --- Thousands of peers.

struct Incast {
  double picks_and_turns;  // per message
  double used;
};

// `peers` send to one host, messages of 64 KiB, `messages` in all.
Incast RunIncast(int peers, int messages) {
  const uint64_t bytes = 64 << 10;
  CreditSim sim(Fabric(peers + 1, 1, 64 << 10));
  std::function<void()> watch = [&] {
    EXPECT_LE(sim.broker(0).outstanding(0), sim.broker(0).window_bytes(0));
    sim.After(kMs, watch);
  };
  watch();
  for (int i = 0; i < messages; ++i) sim.Send(1 + i % peers, 0, bytes);
  const double bound_s = messages * bytes / kRate;
  EXPECT_EQ(sim.Run(bound_s / 2 * 1e9), -1);
  uint64_t least = UINT64_MAX, most = 0;
  for (int from = 1; from <= peers; ++from) {
    least = std::min(least, sim.received(0, from));
    most = std::max(most, sim.received(0, from));
  }
  EXPECT_GT(least, 0) << "half of the time, and nothing of it";
  EXPECT_LE(most, 3 * least + (64 << 10));
  EXPECT_GT(sim.Run(kLong), 0);
  EXPECT_EQ(sim.counters().messages, messages);
  EXPECT_EQ(sim.counters().drops, 0) << "an incast fits into the queue";
  ExpectNothingLeftOver(sim, 1, 1);
  return {static_cast<double>(sim.counters().picks + sim.counters().turns) /
              messages,
          bound_s / (sim.now_ns() * 1e-9)};
}

TEST(CreditSim, ThousandsOfPeersCostWhatAFewDo) {
  const int many = kLight ? 256 : 4096;
  const Incast few = RunIncast(16, many), all = RunIncast(many, many);
  printf(
      "16 peers: %.2f picks and turns a message, used %.3f; %d: %.2f, %.3f\n",
      few.picks_and_turns, few.used, many, all.picks_and_turns, all.used);
  EXPECT_LE(all.picks_and_turns, 2 * few.picks_and_turns);
  EXPECT_GT(few.used, 0.9);
  EXPECT_GT(all.used, 0.9);
}

}  // namespace
}  // namespace ithaca
