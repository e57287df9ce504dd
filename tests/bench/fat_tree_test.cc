// The closed form of an all-to-all's time against a flow-level simulation, on
// fat trees of up to 128 hosts: within 2 % on every case. Prints the table.
#include <cmath>
#include <cstdio>

#include "gtest/gtest.h"
#include "tests/bench/all_to_all_case.h"

namespace ithaca::bench {
namespace {

constexpr double kMiB = 1 << 20;

Case Make(uint32_t leaves, uint32_t hosts, uint32_t spines, uint32_t group,
          bool strided) {
  Case c;
  c.tree.leaves = leaves;
  c.tree.hosts_per_leaf = hosts;
  c.tree.spines = spines;
  c.group_size = group;
  c.strided = strided;
  c.bytes = 4 * kMiB;
  return c;
}

std::vector<Case> Cases() {
  std::vector<Case> cases;
  struct Tree {
    uint32_t leaves, hosts;
  };
  for (const Tree& t : {Tree{2, 4}, {4, 8}, {8, 8}}) {
    // Even, 2:1, 4:1, and a single uplink for the whole leaf.
    for (uint32_t spines : {t.hosts, t.hosts / 2, t.hosts / 4, 1u}) {
      if (!cases.empty() && cases.back().tree.spines == spines) continue;
      const uint32_t all = t.leaves * t.hosts;
      cases.push_back(Make(t.leaves, t.hosts, spines, all, false));
      cases.push_back(Make(t.leaves, t.hosts, spines, t.hosts, false));
      if (t.leaves > 2) {
        cases.push_back(Make(t.leaves, t.hosts, spines, 2 * t.hosts, false));
      }
      cases.push_back(Make(t.leaves, t.hosts, spines, t.leaves, true));
    }
  }
  // 128 hosts in one group and in groups across two leaves and all.
  for (uint32_t spines : {16u, 4u}) {
    cases.push_back(Make(8, 16, spines, 128, false));
  }
  for (uint32_t spines : {16u, 8u}) {
    cases.push_back(Make(8, 16, spines, 32, false));
    cases.push_back(Make(8, 16, spines, 8, true));
  }
  // The busiest rank: 40 query heads over 16, 3 and 2 in turn.
  for (uint32_t spines : {8u, 2u}) {
    Case uneven = Make(2, 8, spines, 16, false);
    for (uint32_t member = 0; member < 16; ++member) {
      uneven.weights.push_back(member % 2 == 0 ? 3 : 2);
    }
    cases.push_back(uneven);
  }
  return cases;
}

TEST(FatTree, ClosedFormIsWithinTwoPercent) {
  const std::vector<Case> cases = Cases();
  const std::vector<double> simulated = SimulatedSeconds(cases);
  double worst = 0;
  for (size_t i = 0; i < cases.size(); ++i) {
    const double closed = ClosedFormSeconds(cases[i]);
    const double off = closed / simulated[i] - 1;
    worst = std::max(worst, std::abs(off));
    std::printf("%-48s simulated %9.3f ms, closed form %9.3f ms, %+6.2f %%\n",
                cases[i].Name().c_str(), simulated[i] * 1e3, closed * 1e3,
                off * 100);
    EXPECT_LT(std::abs(off), 0.02) << cases[i].Name();
  }
  std::printf("%zu cases, at worst %.3f %% off\n", cases.size(), worst * 100);
}

}  // namespace
}  // namespace ithaca::bench
