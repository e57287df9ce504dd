#include "daemon/cluster/liveness.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <vector>

namespace ithaca::cluster {
namespace {

constexpr Millis kTick = 50;
constexpr Millis kBeat = 250;

std::string Text(const std::vector<Verdict>& verdicts) {
  std::string text;
  for (const Verdict& verdict : verdicts) {
    text += verdict.node + " " + Name(verdict.health) + "; ";
  }
  return text;
}

// Ticks from `from` to `to` and collects what is said.
std::vector<Verdict> TickThrough(Liveness* liveness, Millis from, Millis to) {
  std::vector<Verdict> all;
  for (Millis now = from; now <= to; now += kTick) {
    for (Verdict& verdict : liveness->Tick(now))
      all.push_back(std::move(verdict));
  }
  return all;
}

TEST(Liveness, SilenceIsSuspectThenDead) {
  Liveness liveness({});
  ASSERT_TRUE(liveness.Heard("a", 7, 1000));
  EXPECT_EQ(Text(TickThrough(&liveness, 1000, 2150)), "a alive; ");
  EXPECT_EQ(Text(TickThrough(&liveness, 2200, 2200)), "a suspect; ");
  EXPECT_EQ(Text(TickThrough(&liveness, 2250, 3450)), "");
  const auto dead = TickThrough(&liveness, 3500, 3500);
  EXPECT_EQ(Text(dead), "a dead; ");
  EXPECT_EQ(dead[0].why, "no heartbeat came for 2500 ms");
}

TEST(Liveness, ASuspectThatSpeaksIsAlive) {
  Liveness liveness({});
  liveness.Heard("a", 7, 0);
  TickThrough(&liveness, 0, 2400);
  EXPECT_TRUE(liveness.Heard("a", 7, 2440));
  EXPECT_EQ(Text(TickThrough(&liveness, 2450, 3600)), "a alive; ");
}

TEST(Liveness, DeathIsForThatLife) {
  Liveness liveness({});
  liveness.Heard("a", 7, 0);
  TickThrough(&liveness, 0, 2600);
  EXPECT_FALSE(liveness.Heard("a", 7, 2610));
  EXPECT_FALSE(liveness.Heard("a", 6, 2610)) << "an older one too";
  EXPECT_EQ(Text(TickThrough(&liveness, 2650, 5000)), "");
  EXPECT_TRUE(liveness.Heard("a", 8, 5010));
  EXPECT_EQ(Text(TickThrough(&liveness, 5050, 5100)), "a alive; ");
  EXPECT_FALSE(liveness.Heard("a", 7, 5110));
}

TEST(Liveness, ANewLifeIsTold) {
  Liveness liveness({});
  liveness.Heard("a", 7, 0);
  TickThrough(&liveness, 0, 500);
  EXPECT_TRUE(liveness.Heard("a", 9, 510));
  EXPECT_EQ(Text(TickThrough(&liveness, 550, 600)), "a alive; ");
}

TEST(Liveness, WhoIsExpectedAndNeverReportsIsDead) {
  Liveness liveness({});
  liveness.Expect("gone", 0);
  liveness.Expect("late", 1000);
  liveness.Expect("late", 0);  // Known already.
  EXPECT_EQ(Text(TickThrough(&liveness, 1000, 3450)),
            "gone suspect; late suspect; gone dead; ");
  EXPECT_EQ(liveness.nodes().at("gone").why,
            "it has not reported to this coordinator for 2500 ms");
  EXPECT_TRUE(liveness.Heard("late", 3, 3460));
  EXPECT_EQ(Text(TickThrough(&liveness, 3500, 3500)), "late alive; ");
  liveness.Forget("late");
  liveness.Forget("gone");
  EXPECT_EQ(liveness.nodes().count("late"), 1u)
      << "only the dead are forgotten";
  EXPECT_EQ(liveness.nodes().count("gone"), 0u);
}

TEST(Liveness, OwnPauseIsNobodysSilence) {
  Liveness liveness({});
  liveness.Heard("a", 1, 0);
  liveness.Heard("b", 1, 900);
  TickThrough(&liveness, 0, 1000);
  // Stopped for a minute; a is heard before the first tick after it.
  liveness.Heard("a", 1, 61'010);
  EXPECT_EQ(Text(TickThrough(&liveness, 61'020, 61'900)), "");
  EXPECT_EQ(Text(TickThrough(&liveness, 61'950, 63'000)),
            "b suspect; a suspect; ");
}

// Nodes beat, are stopped, are cut off and come back at random, and so does the
// detector. It must say dead if and only if it was silent for so long while the
// detector ran.
TEST(LivenessProperty, DeadIfAndOnlyIfSilentForSoLong) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 3000; ++round) {
    const Liveness::Options options;
    Liveness liveness(options);
    struct Truth {
      uint64_t life = 1;
      Millis silent = 0;
      Millis stopped_until = 0;
      Millis next_beat = 0;
      bool dead = false;
    };
    std::map<std::string, Truth> truth;
    for (const char* name : {"a", "b", "c"}) {
      truth[name].next_beat = static_cast<Millis>(random() % kBeat);
      liveness.Heard(name, 1, 0);
    }
    liveness.Tick(0);
    for (Millis now = kTick; now < 20'000; now += kTick) {
      // The detector itself is stopped now and then.
      if (random() % 100 == 0) {
        const Millis gap = 400 + static_cast<Millis>(random() % 6000);
        now += gap - gap % kTick;
        for (auto& [name, node] : truth)
          node.next_beat = std::max(node.next_beat, now);
        // What it would add in this step is forgiven as well.
        for (auto& [name, node] : truth) node.silent -= kTick;
      }
      for (auto& [name, node] : truth) {
        node.silent += kTick;
        if (random() % 60 == 0)
          node.stopped_until = now + static_cast<Millis>(random() % 4000);
        if (now < node.stopped_until || now < node.next_beat) continue;
        node.next_beat = now + kBeat;
        if (node.dead && random() % 2 == 0) ++node.life;
        const bool accepted = liveness.Heard(name, node.life, now);
        const bool fresh =
            node.life > 1 && node.dead &&
            liveness.nodes().at(name).health != NodeHealth::kDead;
        ASSERT_EQ(accepted, !node.dead || fresh) << name << " at " << now;
        if (!accepted) continue;
        node.silent = 0;
        node.dead = false;
      }
      for (const Verdict& verdict : liveness.Tick(now)) {
        Truth& node = truth[verdict.node];
        if (verdict.health == NodeHealth::kDead) {
          ASSERT_GE(node.silent, options.dead_ms) << "at " << now;
          ASSERT_FALSE(node.dead) << "said twice";
          node.dead = true;
        }
      }
      for (const auto& [name, node] : truth) {
        if (node.dead) continue;
        ASSERT_LT(node.silent, options.dead_ms) << now;
      }
    }
  }
}

// Whoever is stopped for one second, the detector too, nobody is ever dead.
TEST(LivenessProperty, OneSecondStopsKillNobody) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 1000; ++round) {
    Liveness liveness({});
    Millis node_stopped_until = 0, next_beat = 0;
    for (Millis now = 0; now < 30'000;
         now += kTick + static_cast<Millis>(random() % 20)) {
      if (random() % 40 == 0) now += 1000;
      if (random() % 40 == 0 && node_stopped_until < now - 500)
        node_stopped_until = now + 1000;
      // Beats take up to 100 ms to arrive.
      if (now >= node_stopped_until && now >= next_beat) {
        ASSERT_TRUE(liveness.Heard("a", 1, now));
        next_beat = now + kBeat + static_cast<Millis>(random() % 100);
      }
      for (const Verdict& verdict : liveness.Tick(now))
        ASSERT_NE(verdict.health, NodeHealth::kDead) << "at " << now;
    }
  }
}

}  // namespace
}  // namespace ithaca::cluster
