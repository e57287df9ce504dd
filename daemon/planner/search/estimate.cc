#include "daemon/planner/search/estimate.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "daemon/planner/cost/efficiency.h"
#include "daemon/planner/model_shape.h"
#include "daemon/planner/search/digest.h"

namespace ithaca::planner {
namespace {

v1::TrafficKind KindOf(TrafficPart part) {
  switch (part) {
    case TrafficPart::kUlyssesQ:
    case TrafficPart::kUlyssesK:
    case TrafficPart::kUlyssesV:
    case TrafficPart::kUlyssesO:
      return v1::TRAFFIC_KIND_ULYSSES;
    case TrafficPart::kRingKv:
    case TrafficPart::kRingGradients:
      return v1::TRAFFIC_KIND_RING;
    case TrafficPart::kTensor:
      return v1::TRAFFIC_KIND_TENSOR;
    case TrafficPart::kExpertDispatch:
    case TrafficPart::kExpertCombine:
      return v1::TRAFFIC_KIND_EXPERT;
    case TrafficPart::kPipeline:
      return v1::TRAFFIC_KIND_PIPELINE;
    case TrafficPart::kParameters:
    case TrafficPart::kGradients:
      return v1::TRAFFIC_KIND_DATA;
  }
  return v1::TRAFFIC_KIND_UNSPECIFIED;
}

constexpr int kKinds = v1::TRAFFIC_KIND_EXPERT + 1;

// By kind and class of link, of the busiest rank.
void FillTraffic(const TrafficCost& traffic, const Placement& where,
                 v1::Estimate& estimate) {
  std::array<std::array<PassBytes, kLinkClasses>, kKinds> bytes{};
  for (size_t i = 0; i < kTrafficParts; ++i) {
    const auto part = static_cast<TrafficPart>(i);
    const PartTraffic& of = traffic.Of(part);
    const Spread& spread = where.Of(GroupOf(part));
    const LinkShares shares =
        IsAllToAll(part) ? SharesOfAllToAll(spread) : SharesOfRing(spread);
    for (size_t c = 0; c < kLinkClasses; ++c) {
      PassBytes& sum = bytes[KindOf(part)][c];
      const double share = shares[c] * of.worst;
      sum.forward += of.once.forward * share;
      sum.backward += of.once.backward * share;
      sum.recompute += of.once.recompute * share;
    }
  }
  for (int kind = v1::TRAFFIC_KIND_ULYSSES; kind < kKinds; ++kind) {
    for (size_t c = 0; c < kLinkClasses; ++c) {
      const PassBytes& sum = bytes[kind][c];
      if (sum.Sum() == 0) continue;
      v1::LinkTraffic& line = *estimate.add_traffic();
      line.set_kind(static_cast<v1::TrafficKind>(kind));
      line.set_link_class(static_cast<v1::LinkClass>(c + 1));
      line.set_forward_bytes(sum.forward);
      line.set_backward_bytes(sum.backward);
      line.set_recompute_bytes(sum.recompute);
    }
  }
}

uint64_t Whole(double bytes) {
  return static_cast<uint64_t>(std::llround(std::max(0.0, bytes)));
}

// Device parts are of the fullest rank, host parts of its node.
void FillMemory(const MemoryCost& cost, const Hardware& hardware,
                v1::MemoryEstimate& memory) {
  uint64_t device = 0;
  uint64_t host = 0;
  for (size_t i = 0; i < kDeviceParts; ++i) {
    const auto part = static_cast<DevicePart>(i);
    if (Whole(cost.Of(part)) == 0) continue;
    v1::MemoryPart& line = *memory.add_parts();
    line.set_name(NameOf(part));
    line.set_device_bytes(Whole(cost.Of(part)));
    device += line.device_bytes();
  }
  for (size_t i = 0; i < kHostParts; ++i) {
    const auto part = static_cast<HostPart>(i);
    if (Whole(cost.Of(part)) == 0) continue;
    v1::MemoryPart& line = *memory.add_parts();
    line.set_name(absl::StrCat("host_", NameOf(part)));
    line.set_host_bytes(Whole(cost.Of(part)));
    host += line.host_bytes();
  }
  memory.set_device_bytes(device);
  memory.set_host_bytes(host);
  memory.set_peak_moment(NameOf(cost.moment));
  if (hardware.memory_bytes) {
    memory.set_device_limit_bytes(*hardware.memory_bytes);
  }
  if (hardware.host_memory_bytes) {
    memory.set_host_limit_bytes(*hardware.host_memory_bytes);
  }
}

// The limit with the smaller share left binds.
void FillBinding(v1::MemoryEstimate& memory) {
  const auto margin = [](uint64_t limit, uint64_t used) {
    return static_cast<int64_t>(limit) - static_cast<int64_t>(used);
  };
  std::optional<double> tightest;
  const struct {
    const char* name;
    bool known;
    uint64_t limit, used;
  } limits[] = {
      {"accelerator memory", memory.has_device_limit_bytes(),
       memory.device_limit_bytes(), memory.device_bytes()},
      {"main memory", memory.has_host_limit_bytes() && memory.host_bytes() > 0,
       memory.host_limit_bytes(), memory.host_bytes()}};
  for (const auto& l : limits) {
    if (!l.known) continue;
    const int64_t left = margin(l.limit, l.used);
    const double share = static_cast<double>(left) /
                         static_cast<double>(std::max<uint64_t>(1, l.limit));
    if (tightest && *tightest <= share) continue;
    tightest = share;
    memory.set_binding_constraint(l.name);
    memory.set_margin_bytes(left);
  }
}

void AddPart(const char* name, const std::optional<double>& seconds,
             v1::TimeEstimate& time) {
  if (!seconds || *seconds == 0) return;
  v1::TimePart& part = *time.add_parts();
  part.set_name(name);
  part.set_seconds(*seconds);
}

void FillTime(const TimeCost& cost, const FlopCost& flops, double ranks,
              double sequences, v1::TimeEstimate& time) {
  AddPart("attention", cost.attention, time);
  AddPart("linear", cost.linear, time);
  for (size_t i = 0; i < kTrafficParts; ++i) {
    AddPart(NameOf(static_cast<TrafficPart>(i)), cost.exposed[i], time);
  }
  AddPart("copies", cost.copies, time);
  AddPart("offload", cost.offload, time);
  double sum = 0;
  for (const v1::TimePart& part : time.parts()) sum += part.seconds();
  AddPart("pipeline_bubble", sum * cost.bubble, time);
  sum += sum * cost.bubble;
  time.set_step_seconds(sum);
  time.set_seconds_per_sequence(sum / sequences);
  time.set_flops(flops.Sum() * ranks);
}

// Whether bytes of any group pass links of this class; what goes to another pod
// passes those of its own first.
bool Uses(const Placement& placement, LinkClass link) {
  for (const Spread& spread : placement.groups) {
    if (spread.peers[static_cast<size_t>(link)] > 0) return true;
  }
  return link == LinkClass::kLeaf && Uses(placement, LinkClass::kUplink);
}

// Which tables of measured times the estimate rests on.
void AddMeasured(const Hardware& hardware, const Placement& placement,
                 v1::Estimate& estimate) {
  constexpr const char* kWhere[kLinkClasses] = {
      "Within an NVLink domain", "Within a host", "Between hosts of one pod",
      "Between pods"};
  for (size_t c = 0; c < kLinkClasses; ++c) {
    const std::optional<LinkRate>& link = hardware.links[c];
    if (!link || link->measured.empty()) continue;
    if (!Uses(placement, static_cast<LinkClass>(c))) continue;
    const std::vector<MeasuredTime>& points = link->measured;
    std::string sizes =
        absl::StrFormat("%d sizes from %.0f to %.0f bytes", points.size(),
                        points.front().bytes, points.back().bytes);
    if (points.size() == 1) {
      sizes = absl::StrFormat("1 size of %.0f bytes", points.front().bytes);
    }
    if (!link->measured_source.empty()) {
      absl::StrAppend(&sizes, " (", link->measured_source, ")");
    }
    estimate.add_assumptions(absl::StrCat(
        kWhere[c], ", an exchange takes the times measured at ", sizes, "."));
  }
}

void AddAssumptions(const Request& request, const Choice& choice,
                    const Placement& placement,
                    const std::optional<TimeCost>& time, Evaluator& evaluator,
                    v1::Estimate& estimate) {
  const Hardware& hardware = request.hardware.figures;
  if (!IsKnown(request.model)) {
    estimate.add_assumptions(
        "Memory and time are not estimated: the model's hidden size, layers, "
        "feed-forward width or vocabulary is unknown.");
    return;
  }
  for (const std::string& line : Sentences(MemoryAssumptions())) {
    estimate.add_assumptions(line);
  }
  if (!estimate.has_time()) {
    estimate.add_assumptions(
        !hardware.peak_flops
            ? "Time is not estimated: the accelerator's peak is unknown."
            : "Time is not estimated: the rate of a link, of memory or of the "
              "host that it needs is unknown.");
    return;
  }
  estimate.add_assumptions(EfficiencySentence(hardware, time->efficiency));
  AddMeasured(hardware, placement, estimate);
  for (const std::string& line : Sentences(
           TimeAssumptions(), evaluator.WorkFor(choice.strategy.data_parallel),
           choice.strategy)) {
    estimate.add_assumptions(line);
  }
}

}  // namespace

v1::Estimate EstimateOf(const Request& request, const Choice& choice,
                        const Placement& placement, Evaluator& evaluator) {
  const Strategy& s = choice.strategy;
  v1::Estimate estimate;
  *estimate.mutable_hardware() = HardwareMessage(request.hardware);
  FillTraffic(evaluator.Traffic(choice), placement, estimate);
  if (const auto memory = evaluator.Memory(choice)) {
    FillMemory(*memory, request.hardware.figures, *estimate.mutable_memory());
    FillBinding(*estimate.mutable_memory());
  }
  const std::optional<TimeCost> time = evaluator.Time(choice, placement);
  if (time && time->step) {
    const Work& work = evaluator.WorkFor(s.data_parallel);
    const double sequences = static_cast<double>(s.data_parallel) *
                             static_cast<double>(work.batch) *
                             static_cast<double>(work.micro_batches);
    FillTime(*time, evaluator.Flops(choice), request.constraints.ranks(),
             sequences, *estimate.mutable_time());
  }
  AddAssumptions(request, choice, placement, time, evaluator, estimate);
  estimate.set_digest(DigestOf(estimate));
  return estimate;
}

}  // namespace ithaca::planner
