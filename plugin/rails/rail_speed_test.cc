// The speed of rails in virtual time.
#include "plugin/rails/rail_speed.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <random>

namespace ithaca::rails {
namespace {

constexpr int64_t kMs = 1'000'000;

// Brings `bytes` per fragment at `rate` bytes per second until `end_ns`.
void Bring(RailSpeed* speed, double rate, uint64_t bytes, int64_t* now_ns,
           int64_t end_ns) {
  double now = *now_ns;
  for (now += bytes * 1e9 / rate; now < end_ns; now += bytes * 1e9 / rate)
    speed->OnArrived(bytes, *now_ns = now);
}

TEST(RailSpeed, IsUnknownAtFirst) {
  RailSpeed speed;
  EXPECT_EQ(speed.bytes_per_second(), 0);
  speed.OnBusy(0);
  speed.OnArrived(16384, 1000);
  EXPECT_EQ(speed.bytes_per_second(), 0) << "one fragment tells nothing";
}

TEST(RailSpeed, MeasuresSlowAndFastRails) {
  for (double rate = 1e6; rate < 1e11; rate *= 7) {
    RailSpeed speed;
    int64_t now = 5 * kMs;
    speed.OnBusy(now);
    const uint64_t bytes = rate < 1e8 ? 16 << 10 : 256 << 10;
    Bring(&speed, rate, bytes, &now, 300 * kMs);
    EXPECT_NEAR(speed.bytes_per_second() / rate, 1, 0.02) << rate;
  }
}

TEST(RailSpeed, IdleTimeDoesNotCount) {
  RailSpeed speed;
  int64_t now = 0;
  for (int i = 0; i < 100; ++i) {
    speed.OnBusy(now);
    Bring(&speed, 25e6, 16 << 10, &now, now + 7 * kMs);
    now += 1000 * kMs;
  }
  EXPECT_NEAR(speed.bytes_per_second() / 25e6, 1, 0.1);
}

// A queue on the way may let much pass at once.
TEST(RailSpeed, ABurstIsNoSpeed) {
  RailSpeed speed;
  int64_t now = 0;
  speed.OnBusy(now);
  Bring(&speed, 25e6, 16 << 10, &now, 200 * kMs);
  for (int i = 0; i < 50; ++i) {
    for (int j = 0; j < 4; ++j) speed.OnArrived(16 << 10, now += 1000);
    now += 4 * (16 << 10) * 1e9 / 25e6;  // the queue fills again
  }
  EXPECT_LT(speed.bytes_per_second(), 1.2 * 25e6);
}

TEST(RailSpeed, IsTheBestOfLately) {
  RailSpeed speed;
  int64_t now = 0;
  speed.OnBusy(now);
  Bring(&speed, 100e6, 16 << 10, &now, 1000 * kMs);
  Bring(&speed, 10e6, 16 << 10, &now, 1200 * kMs);
  EXPECT_GT(speed.bytes_per_second(), 90e6) << "senders had nothing to send";
  Bring(&speed, 10e6, 16 << 10, &now, 60'000 * kMs);
  EXPECT_NEAR(speed.bytes_per_second() / 10e6, 1, 0.05) << "it became slower";
}

}  // namespace
}  // namespace ithaca::rails
