#include "tests/fabric/bound.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <set>

namespace ithaca::fabric {
namespace {

constexpr double kInfinite = std::numeric_limits<double>::infinity();

// Bytes that links pass within t seconds: burst + rate * t.
struct Curve {
  double burst = 0;
  double rate = 0;  // bytes per second
};

// One rail across a cut: all its stages must be passed.
using Stages = std::vector<Curve>;

struct Cut {
  std::vector<int> from;
  std::vector<int> to;
  std::string name;
};

class Fluid {
 public:
  Fluid(const Spec& spec, const Traffic& traffic, Burst burst)
      : spec_(spec),
        burst_(burst == Burst::kCounted ? spec.burst_bytes : 0),
        bytes_(spec.hosts, std::vector<double>(spec.hosts, 0)) {
    for (int s = 0; s < spec.ranks(); ++s) {
      for (int r = 0; r < spec.ranks(); ++r) {
        const int a = spec.HostOfRank(s), b = spec.HostOfRank(r);
        // Within a host nothing touches the network.
        if (a != b) bytes_[a][b] += traffic[s][r] * kWirePerPayload;
      }
    }
  }

  // The least t at which `cut` has passed all that must cross it.
  double Seconds(const Cut& cut) const {
    double bytes = 0;
    for (int a : cut.from) {
      for (int b : cut.to) bytes += bytes_[a][b];
    }
    std::vector<Stages> rails;
    for (int r = 0; r < spec_.rails; ++r) rails.push_back(RailStages(cut, r));
    if (bytes == 0 || Passed(rails, 0) >= bytes) return 0;
    double low = 0, high = 1e-6;
    while (Passed(rails, high) < bytes) high *= 2;
    // What has passed grows with t, so halving finds the point.
    for (int i = 0; i < 100; ++i) {
      const double middle = (low + high) / 2;
      (Passed(rails, middle) < bytes ? low : high) = middle;
    }
    return high;
  }

 private:
  void Add(uint64_t bps, Curve* sum) const {
    sum->rate += bps == 0 ? kInfinite : bps / 8.0;
    sum->burst += burst_;
  }

  Stages RailStages(const Cut& cut, int rail) const {
    Stages stages(2);
    std::set<int> from_pods, to_pods;
    for (int a : cut.from) {
      Add(spec_.rate_bps[a][rail], &stages[0]);
      from_pods.insert(spec_.PodOfHost(a));
    }
    for (int b : cut.to) {
      Add(spec_.rate_bps[b][rail], &stages[1]);
      to_pods.insert(spec_.PodOfHost(b));
    }
    for (int pod : from_pods) {
      if (to_pods.count(pod) != 0) return stages;  // some stay within a pod
    }
    for (const auto& pods : {from_pods, to_pods}) {
      stages.emplace_back();
      for (int pod : pods) Add(spec_.uplink_bps[pod][rail], &stages.back());
    }
    return stages;
  }

  static double Passed(const std::vector<Stages>& rails, double t) {
    double sum = 0;
    for (const Stages& stages : rails) {
      double least = kInfinite;
      for (const Curve& c : stages) {
        least = std::min(
            least, c.rate == kInfinite ? kInfinite : c.burst + c.rate * t);
      }
      sum += least;
    }
    return sum;
  }

  const Spec& spec_;
  const double burst_;
  std::vector<std::vector<double>> bytes_;  // on the wire, [host][host]
};

std::vector<Cut> MakeCuts(const Spec& spec) {
  std::vector<int> all(spec.hosts);
  std::iota(all.begin(), all.end(), 0);
  std::vector<Cut> cuts;
  for (int h : all) {
    const std::string name = "host " + std::to_string(h);
    cuts.push_back({{h}, all, "out of " + name});
    cuts.push_back({all, {h}, "into " + name});
    for (int other : all) {
      cuts.push_back({{h}, {other}, name + " to " + std::to_string(other)});
    }
  }
  std::vector<std::vector<int>> pods(spec.pods.size());
  for (int h : all) pods[spec.PodOfHost(h)].push_back(h);
  for (size_t p = 0; p < pods.size(); ++p) {
    const std::string name = "pod " + std::to_string(p);
    std::vector<int> rest;
    for (int h : all) {
      if (spec.PodOfHost(h) != static_cast<int>(p)) rest.push_back(h);
    }
    cuts.push_back({pods[p], rest, "out of " + name});
    cuts.push_back({rest, pods[p], "into " + name});
    for (size_t q = 0; q < pods.size(); ++q) {
      if (p == q) continue;
      cuts.push_back({pods[p], pods[q], name + " to " + std::to_string(q)});
    }
  }
  return cuts;
}

}  // namespace

Traffic AllToAll(const Spec& spec, uint64_t bytes) {
  return Traffic(spec.ranks(), std::vector<uint64_t>(spec.ranks(), bytes));
}

Traffic SkewedAllToAll(const Spec& spec, uint64_t bytes, uint64_t factor) {
  Traffic traffic = AllToAll(spec, bytes);
  for (auto& row : traffic) row[0] = bytes * factor;
  return traffic;
}

Bound ComputeBound(const Spec& spec, const Traffic& traffic, Burst burst) {
  const Fluid fluid(spec, traffic, burst);
  Bound bound;
  bound.because = "nothing that is shaped";
  for (const Cut& cut : MakeCuts(spec)) {
    const double seconds = fluid.Seconds(cut);
    if (seconds > bound.seconds) bound = {seconds, cut.name};
  }
  return bound;
}

}  // namespace ithaca::fabric
