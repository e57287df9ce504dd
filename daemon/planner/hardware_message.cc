#include "daemon/planner/hardware_message.h"

#include <cmath>
#include <optional>

#include "absl/strings/str_cat.h"
#include "daemon/planner/field_error.h"
#include "daemon/planner/limits.h"

namespace ithaca::planner {
namespace {

constexpr int kMaxMeasuredPoints = 1024;
constexpr size_t kMaxSourceBytes = 256;
// Far above any rate in bytes or operations per second.
constexpr double kMaxRate = 1e24;

absl::Status CheckFigure(const std::string& field, double value, double high) {
  if (std::isfinite(value) && value > 0 && value <= high) {
    return absl::OkStatus();
  }
  return FieldError(field, absl::StrCat("is ", value, "; above 0 and at most ",
                                        high, " is legal"));
}

absl::Status CheckPoints(const std::string& path, const v1::LinkRate& link) {
  if (link.measured_size() > kMaxMeasuredPoints) {
    return FieldError(
        path + ".measured",
        absl::StrCat("has ", link.measured_size(), " points; at most ",
                     kMaxMeasuredPoints, " are taken"));
  }
  if (link.measured_source().size() > kMaxSourceBytes) {
    return FieldError(
        path + ".measured_source",
        absl::StrCat("has ", link.measured_source().size(), " bytes; at most ",
                     kMaxSourceBytes, " are taken"));
  }
  double last = 0;
  for (int i = 0; i < link.measured_size(); ++i) {
    const std::string here = absl::StrCat(path, ".measured[", i, "]");
    const v1::MeasuredPoint& point = link.measured(i);
    absl::Status s = CheckFigure(here + ".bytes", point.bytes(), kMaxRate);
    if (s.ok()) s = CheckFigure(here + ".seconds", point.seconds(), kMaxRate);
    if (!s.ok()) return s;
    if (point.bytes() <= last) {
      return FieldError(here + ".bytes", "does not ascend");
    }
    last = point.bytes();
  }
  return absl::OkStatus();
}

absl::Status CheckLink(const std::string& path, const v1::LinkRate& link) {
  if (link.link_class() == v1::LINK_CLASS_UNSPECIFIED ||
      !v1::LinkClass_IsValid(link.link_class())) {
    return FieldError(path + ".link_class", "missing or unknown");
  }
  if (link.measured().empty() || link.bytes_per_second() != 0) {
    absl::Status s = CheckFigure(path + ".bytes_per_second",
                                 link.bytes_per_second(), kMaxRate);
    if (!s.ok()) return s;
  }
  const double latency = link.latency_seconds();
  if (!std::isfinite(latency) || latency < 0 || latency > 1e6) {
    return FieldError(path + ".latency_seconds",
                      absl::StrCat("is ", latency, "; 0 to 1e6 is legal"));
  }
  return CheckPoints(path, link);
}

absl::Status CheckLinks(const std::string& path, const v1::Hardware& hardware) {
  bool seen[kLinkClasses + 1] = {};
  for (int i = 0; i < hardware.links_size(); ++i) {
    const std::string here = absl::StrCat(path, ".links[", i, "]");
    absl::Status s = CheckLink(here, hardware.links(i));
    if (!s.ok()) return s;
    bool& there = seen[hardware.links(i).link_class()];
    if (there) return FieldError(here + ".link_class", "is there twice");
    there = true;
  }
  return absl::OkStatus();
}

absl::Status CheckCounts(const std::string& path, const v1::Hardware& h) {
  const struct {
    const char* field;
    bool present;
    uint64_t value, high;
  } counts[] = {
      {".memory_bytes", h.has_memory_bytes(), h.memory_bytes(),
       uint64_t{1} << 60},
      {".host_memory_bytes", h.has_host_memory_bytes(), h.host_memory_bytes(),
       uint64_t{1} << 60},
      {".accelerators_per_node", h.has_accelerators_per_node(),
       h.accelerators_per_node(), kMaxRanks},
      {".accelerators_per_nvlink_domain",
       h.has_accelerators_per_nvlink_domain(),
       h.accelerators_per_nvlink_domain(), kMaxRanks},
      {".accelerators_per_pod", h.has_accelerators_per_pod(),
       h.accelerators_per_pod(), uint64_t{1} << 31},
  };
  for (const auto& count : counts) {
    if (!count.present) continue;
    absl::Status s = CheckRange(path + count.field, count.value, 1, count.high);
    if (!s.ok()) return s;
  }
  return absl::OkStatus();
}

std::optional<LinkRate> RateOf(const v1::LinkRate& link) {
  LinkRate rate;
  rate.bytes_per_second = link.bytes_per_second();
  rate.latency_seconds = link.latency_seconds();
  for (const v1::MeasuredPoint& point : link.measured()) {
    rate.measured.push_back({point.bytes(), point.seconds()});
  }
  rate.measured_source = link.measured_source();
  if (rate.bytes_per_second == 0) {  // only measured
    rate.bytes_per_second =
        rate.measured.back().bytes / rate.measured.back().seconds;
  }
  return rate;
}

void AddLinks(const Hardware& figures, v1::Hardware& message) {
  for (size_t c = 0; c < kLinkClasses; ++c) {
    if (!figures.links[c]) continue;
    v1::LinkRate& link = *message.add_links();
    link.set_link_class(static_cast<v1::LinkClass>(c + 1));
    link.set_bytes_per_second(figures.links[c]->bytes_per_second);
    link.set_latency_seconds(figures.links[c]->latency_seconds);
    link.set_measured_source(figures.links[c]->measured_source);
    for (const MeasuredTime& point : figures.links[c]->measured) {
      link.add_measured()->set_bytes(point.bytes);
      link.mutable_measured()->rbegin()->set_seconds(point.seconds);
    }
  }
}

}  // namespace

absl::Status CheckHardware(const std::string& path, const v1::Hardware& h) {
  const struct {
    const char* field;
    bool present;
    double value, high;
  } figures[] = {
      {".peak_flops", h.has_peak_flops(), h.peak_flops(), kMaxRate},
      {".matmul_efficiency", h.has_matmul_efficiency(), h.matmul_efficiency(),
       1},
      {".attention_efficiency", h.has_attention_efficiency(),
       h.attention_efficiency(), 1},
      {".memory_bytes_per_second", h.has_memory_bytes_per_second(),
       h.memory_bytes_per_second(), kMaxRate},
      {".host_link_bytes_per_second", h.has_host_link_bytes_per_second(),
       h.host_link_bytes_per_second(), kMaxRate},
  };
  for (const auto& figure : figures) {
    if (!figure.present) continue;
    absl::Status s =
        CheckFigure(path + figure.field, figure.value, figure.high);
    if (!s.ok()) return s;
  }
  if (absl::Status s = CheckCounts(path, h); !s.ok()) return s;
  return CheckLinks(path, h);
}

void ApplyHardware(const v1::Hardware& h, KnownHardware& known) {
  Hardware& to = known.figures;
  if (h.has_peak_flops()) to.peak_flops = h.peak_flops();
  if (h.has_matmul_efficiency()) to.matmul_efficiency = h.matmul_efficiency();
  if (h.has_attention_efficiency()) {
    to.attention_efficiency = h.attention_efficiency();
  }
  if (h.has_memory_bytes_per_second()) {
    to.memory_bytes_per_second = h.memory_bytes_per_second();
  }
  if (h.has_memory_bytes()) to.memory_bytes = h.memory_bytes();
  if (h.has_host_memory_bytes()) to.host_memory_bytes = h.host_memory_bytes();
  if (h.has_host_link_bytes_per_second()) {
    to.host_link_bytes_per_second = h.host_link_bytes_per_second();
  }
  if (h.has_accelerators_per_node()) {
    to.accelerators_per_node = h.accelerators_per_node();
  }
  if (h.has_accelerators_per_nvlink_domain()) {
    to.accelerators_per_nvlink_domain = h.accelerators_per_nvlink_domain();
  }
  if (h.has_accelerators_per_pod()) {
    known.accelerators_per_pod = h.accelerators_per_pod();
  }
  for (const v1::LinkRate& link : h.links()) {
    to.links[link.link_class() - 1] = RateOf(link);
  }
}

v1::Hardware HardwareMessage(const KnownHardware& known) {
  const Hardware& from = known.figures;
  v1::Hardware h;
  if (from.peak_flops) h.set_peak_flops(*from.peak_flops);
  h.set_matmul_efficiency(from.matmul_efficiency);
  h.set_attention_efficiency(from.attention_efficiency);
  if (from.memory_bytes_per_second) {
    h.set_memory_bytes_per_second(*from.memory_bytes_per_second);
  }
  if (from.memory_bytes) h.set_memory_bytes(*from.memory_bytes);
  if (from.host_memory_bytes) h.set_host_memory_bytes(*from.host_memory_bytes);
  if (from.host_link_bytes_per_second) {
    h.set_host_link_bytes_per_second(*from.host_link_bytes_per_second);
  }
  h.set_accelerators_per_node(from.accelerators_per_node);
  h.set_accelerators_per_nvlink_domain(from.accelerators_per_nvlink_domain);
  if (known.accelerators_per_pod != 0) {
    h.set_accelerators_per_pod(known.accelerators_per_pod);
  }
  AddLinks(from, h);
  return h;
}

}  // namespace ithaca::planner
