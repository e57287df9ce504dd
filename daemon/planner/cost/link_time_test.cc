#include "daemon/planner/cost/link_time.h"

#include "gtest/gtest.h"

namespace ithaca::planner {
namespace {

LinkRates Rates() {
  LinkRates rates;
  rates[0] = LinkRate{400e9, 2e-6, {}};
  rates[2] = LinkRate{50e9, 10e-6, {}};
  rates[3] = LinkRate{25e9, 15e-6, {}};
  return rates;
}

TEST(LinkTime, LatencyAndRate) {
  EXPECT_DOUBLE_EQ(SecondsOf({100e9, 5e-6, {}}, 1e9), 5e-6 + 0.01);
}

TEST(LinkTime, MeasuredPointsReplaceThem) {
  const LinkRate rate = {1, 1, {{1e6, 1e-4}, {1e7, 5e-4}, {1e8, 4e-3}}};
  EXPECT_DOUBLE_EQ(SecondsOf(rate, 0), 1e-4);
  EXPECT_DOUBLE_EQ(SecondsOf(rate, 1e6), 1e-4);
  EXPECT_DOUBLE_EQ(SecondsOf(rate, 4e6), 1e-4 + 4e-4 / 3);
  EXPECT_DOUBLE_EQ(SecondsOf(rate, 1e8), 4e-3);
  EXPECT_DOUBLE_EQ(SecondsOf(rate, 3e8), 1.2e-2);  // the last rate
}

TEST(LinkTime, AllToAllIsBoundByTheSlowestLink) {
  const double gb = 1e9;
  // Within NVLink.
  EXPECT_DOUBLE_EQ(*AllToAllSeconds(gb, {{7, 0, 0, 0}}, Rates()),
                   2e-6 + 1 / 400.0);
  // 8 of 15 through the NIC.
  EXPECT_DOUBLE_EQ(*AllToAllSeconds(gb, {{7, 0, 8, 0}}, Rates()),
                   10e-6 + 8.0 / 15 / 50);
  // 16 of 31 through the uplink at half the rate; the NIC has 24 of 31.
  EXPECT_NEAR(*AllToAllSeconds(gb, {{7, 0, 8, 16}}, Rates()),
              15e-6 + 16.0 / 31 / 25, 1e-12);
  // The NIC, when few go far.
  EXPECT_NEAR(
      *AllToAllSeconds(gb, {{0, 0, 14, 1}}, Rates(), NicSharing::kUplinkFull),
      10e-6 + 1 / 50.0, 1e-12);
}

TEST(LinkTime, NearFlowsMayKeepTheUplinkWaiting) {
  // Three near and four far flows of 1 GB, twice the latency far: near ones
  // have 6 of 10 parts of 10 GB/s and end after half a second, far ones have
  // had 2 GB by then and 5 GB/s from then on.
  LinkRates rates;
  rates[2] = LinkRate{10e9, 1e-9, {}};
  rates[3] = LinkRate{5e9, 2e-9, {}};
  EXPECT_NEAR(*AllToAllSeconds(7e9, {{0, 0, 3, 4}}, rates), 0.5 + 0.4, 1e-6);
  EXPECT_NEAR(
      *AllToAllSeconds(7e9, {{0, 0, 3, 4}}, rates, NicSharing::kUplinkFull),
      0.8, 1e-6);
  // Equal latencies: the uplink is full from the start.
  rates[3]->latency_seconds = 1e-9;
  EXPECT_NEAR(*AllToAllSeconds(7e9, {{0, 0, 3, 4}}, rates), 0.8, 1e-6);
  // Few near flows end last when far ones have the weight.
  rates[2]->latency_seconds = 1e-6;
  rates[3] = LinkRate{10e9, 1e-9, {}};
  EXPECT_NEAR(*AllToAllSeconds(7e9, {{0, 0, 3, 4}}, rates), 0.7, 1e-5);
}

TEST(LinkTime, RingsSpreadTheHopsBetweenHosts) {
  // One of 8 hops per rank leaves the host.
  EXPECT_DOUBLE_EQ(*RingCollectiveSeconds(1e9, {{7, 0, 24, 0}}, Rates()),
                   10e-6 + 1e9 / 8 / 50e9 + 30 * 10e-6);
  EXPECT_DOUBLE_EQ(*HopSeconds(1e9, {{7, 0, 24, 0}}, Rates()),
                   10e-6 + 1 / 50.0);
}

TEST(LinkTime, UnknownRatesGiveNoTime) {
  LinkRates rates = Rates();
  rates[2].reset();
  EXPECT_FALSE(AllToAllSeconds(1, {{7, 0, 8, 0}}, rates));
  EXPECT_FALSE(RingCollectiveSeconds(1, {{7, 0, 8, 0}}, rates));
  EXPECT_FALSE(HopSeconds(1, {{7, 0, 8, 0}}, rates));
  // The way to another pod begins with the NIC.
  EXPECT_FALSE(AllToAllSeconds(1, {{7, 0, 0, 8}}, rates));
  EXPECT_TRUE(AllToAllSeconds(1, {{7, 0, 0, 0}}, rates));
  EXPECT_EQ(AllToAllSeconds(1, {}, {}), 0.0);
  EXPECT_EQ(RingCollectiveSeconds(1, {}, {}), 0.0);
  EXPECT_EQ(HopSeconds(1, {}, {}), 0.0);
}

}  // namespace
}  // namespace ithaca::planner
