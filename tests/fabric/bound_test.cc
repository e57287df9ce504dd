#include "tests/fabric/bound.h"

#include <gtest/gtest.h>

namespace ithaca::fabric {
namespace {

constexpr double kMiB = 1 << 20;
// Seconds that a MiB of payload takes at 1 Mbit/s.
constexpr double kUnit = kMiB * 8 / 1e6 * 1514 / 1448;

Spec Parse(const std::string& text) {
  auto spec = ParseSpec(text);
  EXPECT_TRUE(spec.ok()) << spec.status().ToString();
  return *spec;
}

Bound OfAllToAll(const std::string& text, uint64_t bytes = 1 << 20,
                 Burst burst = Burst::kIgnored) {
  const Spec spec = Parse(text);
  return ComputeBound(spec, AllToAll(spec, bytes), burst);
}

TEST(BoundTest, OneRail) {
  // 7 MiB leave and enter every host.
  const Bound bound = OfAllToAll("hosts=8,rate=200mbit");
  EXPECT_NEAR(bound.seconds, 7 * kUnit / 200, 1e-9);
  EXPECT_NEAR(bound.seconds, 0.306984, 1e-6);
  EXPECT_EQ(bound.because, "out of host 0");
}

TEST(BoundTest, RailsAddUp) {
  EXPECT_NEAR(OfAllToAll("hosts=8,rails=4,rate=100mbit").seconds,
              7 * kUnit / 400, 1e-9);
}

TEST(BoundTest, ASlowRailCostsWhatItLacks) {
  const Bound quarter =
      OfAllToAll("hosts=8,rails=2,rate=200mbit,host3.rail1.rate=50mbit");
  EXPECT_NEAR(quarter.seconds, 7 * kUnit / 250, 1e-9);
  EXPECT_EQ(quarter.because, "out of host 3");
  EXPECT_NEAR(OfAllToAll("hosts=8,rails=2,rate=200mbit,host3.rail1.rate=20mbit")
                  .seconds,
              7 * kUnit / 220, 1e-9);
}

TEST(BoundTest, RailsAreSeparatePlanes) {
  // Each host could send 210, but rail 0 only takes 10 at host 1, and rail 1
  // only 10 at host 0.
  const Bound bound = OfAllToAll(
      "hosts=2,rails=2,rate=200mbit,host1.rail0.rate=10mbit,"
      "host0.rail1.rate=10mbit");
  EXPECT_NEAR(bound.seconds, kUnit / 20, 1e-9);
  EXPECT_EQ(bound.because, "host 0 to 1");
}

TEST(BoundTest, Uplinks) {
  // 4 hosts send 4 MiB each across: 16 MiB through 400, or 200, Mbit/s.
  const std::string pods = "hosts=8,rate=200mbit,pods=4+4,uplink=";
  EXPECT_NEAR(OfAllToAll(pods + "400mbit").seconds, 16 * kUnit / 400, 1e-9);
  EXPECT_NEAR(OfAllToAll(pods + "200mbit").seconds, 16 * kUnit / 200, 1e-9);
  EXPECT_EQ(OfAllToAll(pods + "200mbit").because, "out of pod 0");
  // Wide enough not to matter.
  EXPECT_NEAR(OfAllToAll(pods + "800mbit").seconds, 7 * kUnit / 200, 1e-9);
  EXPECT_NEAR(OfAllToAll(pods + "0").seconds, 7 * kUnit / 200, 1e-9);
}

TEST(BoundTest, UnequalPodsAndASlowUplink) {
  // Out of pods of 4, 3 and 1: 16, 15 and 7 MiB.
  const std::string three = "hosts=8,rate=200mbit,pods=4+3+1,uplink=400mbit";
  EXPECT_NEAR(OfAllToAll(three).seconds, 16 * kUnit / 400, 1e-9);
  const Bound slow = OfAllToAll(three + ",pod1.uplink=200mbit");
  EXPECT_NEAR(slow.seconds, 15 * kUnit / 200, 1e-9);
  EXPECT_EQ(slow.because, "out of pod 1");
}

TEST(BoundTest, UplinkAndNicOfDifferentRails) {
  // Pod 1 is one host: of rail 0 its uplink passes 10, of rail 1 its NIC 20.
  const Bound bound = OfAllToAll(
      "hosts=2,rails=2,rate=100mbit,pods=1+1,uplink=100mbit,"
      "pod1.rail0.uplink=10mbit,host1.rail1.rate=20mbit");
  EXPECT_NEAR(bound.seconds, kUnit / 30, 1e-9);
}

TEST(BoundTest, WithinAHostNothingIsSent) {
  // Each of 2 ranks sends to the 6 ranks of other hosts.
  EXPECT_NEAR(OfAllToAll("hosts=4,procs=2,rails=2,rate=200mbit").seconds,
              12 * kUnit / 400, 1e-9);
  EXPECT_EQ(OfAllToAll("hosts=1,procs=4,rate=1mbit").seconds, 0);
}

TEST(BoundTest, Skewed) {
  const Spec spec = Parse("hosts=8,rate=200mbit");
  const Bound bound =
      ComputeBound(spec, SkewedAllToAll(spec, 1 << 17, 8), Burst::kIgnored);
  EXPECT_NEAR(bound.seconds, 7 * kUnit / 200, 1e-9);
  EXPECT_EQ(bound.because, "into host 0");
}

TEST(BoundTest, TheBurstPassesAtOnce) {
  const double wire = 7 * 65536 * 1514.0 / 1448;
  const uint64_t bytes = 64 << 10;
  EXPECT_NEAR(
      OfAllToAll("hosts=8,rate=200mbit", bytes, Burst::kCounted).seconds,
      (wire - 131072) * 8 / 200e6, 1e-9);
  // Each rail has a bucket of its own.
  EXPECT_NEAR(OfAllToAll("hosts=8,rails=2,rate=200mbit", bytes, Burst::kCounted)
                  .seconds,
              (wire - 2 * 131072) * 8 / 400e6, 1e-9);
  EXPECT_NEAR(
      OfAllToAll("hosts=8,rate=200mbit,burst=32k", bytes, Burst::kCounted)
          .seconds,
      (wire - 32768) * 8 / 200e6, 1e-9);
  EXPECT_EQ(OfAllToAll("hosts=8,rate=200mbit", 1024, Burst::kCounted).seconds,
            0);
}

TEST(BoundTest, UnshapedHasNone) {
  const Bound bound = OfAllToAll("hosts=4,rails=2");
  EXPECT_EQ(bound.seconds, 0);
  EXPECT_EQ(bound.because, "nothing that is shaped");
  // One shaped rail does not help when the other has no limit.
  EXPECT_EQ(OfAllToAll("hosts=2,rails=2,host0.rail0.rate=1mbit").seconds, 0);
}

}  // namespace
}  // namespace ithaca::fabric
