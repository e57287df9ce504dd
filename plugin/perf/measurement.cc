#include "plugin/perf/measurement.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

namespace ithaca::perf {

using nlohmann::json;

std::string Sample::Encode() const {
  return json{{"clock", clock},
              {"start_ns", start_ns},
              {"end_ns", end_ns},
              {"user_ns", user_ns},
              {"system_ns", system_ns},
              {"copy_ns", copy_ns},
              {"payload_bytes", payload_bytes},
              {"wire_bytes", wire_bytes},
              {"messages", messages},
              {"checked_bytes", checked_bytes}}
      .dump();
}

StatusOr<Sample> Sample::Decode(const std::string& text) {
  const json parsed = json::parse(text, nullptr, /*allow_exceptions=*/false);
  Sample s;
  bool good = parsed.is_object();
  auto number = [&](const char* name, auto* field) {
    const auto found = good ? parsed.find(name) : parsed.end();
    good = found != parsed.end() && found->is_number_integer();
    if (good) found->get_to(*field);
  };
  number("start_ns", &s.start_ns);
  number("end_ns", &s.end_ns);
  number("user_ns", &s.user_ns);
  number("system_ns", &s.system_ns);
  number("copy_ns", &s.copy_ns);
  number("payload_bytes", &s.payload_bytes);
  number("wire_bytes", &s.wire_bytes);
  number("messages", &s.messages);
  number("checked_bytes", &s.checked_bytes);
  const auto clock = good ? parsed.find("clock") : parsed.end();
  good = good && clock != parsed.end() && clock->is_string();
  if (!good) {
    return Status(Code::kDataLoss, "a rank sent a measurement without sense");
  }
  s.clock = clock->get<std::string>();
  return s;
}

Iteration Combine(const std::vector<Sample>& ranks, bool measured) {
  Iteration all;
  all.measured = measured;
  struct Span {
    int64_t start, end;
  };
  std::map<std::string, Span> clocks;
  for (const Sample& s : ranks) {
    Span& span =
        clocks.emplace(s.clock, Span{s.start_ns, s.end_ns}).first->second;
    span.start = std::min(span.start, s.start_ns);
    span.end = std::max(span.end, s.end_ns);
    all.rank_ns.push_back(s.end_ns - s.start_ns);
    all.cpu_ns += s.user_ns + s.system_ns;
    all.system_ns += s.system_ns;
    all.copy_ns += s.copy_ns;
    all.payload_bytes += s.payload_bytes;
    all.wire_bytes += s.wire_bytes;
    all.messages += s.messages;
    all.checked_bytes += s.checked_bytes;
  }
  for (const auto& entry : clocks) {
    all.wall_ns = std::max(all.wall_ns, entry.second.end - entry.second.start);
  }
  return all;
}

Spread SpreadOf(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  const double median = values.size() % 2 == 1
                            ? values[middle]
                            : (values[middle - 1] + values[middle]) / 2;
  return {median, values.front(), values.back()};
}

Summary Summarize(const std::vector<Iteration>& iterations, int trips) {
  Summary s;
  std::vector<double> slowest, wall;
  double cpu_ns = 0, system_ns = 0, copy_ns = 0;
  for (const Iteration& i : iterations) {
    s.ranks = static_cast<int>(i.rank_ns.size());
    s.checked_bytes += i.checked_bytes;
    if (!i.measured) continue;
    ++s.iterations;
    slowest.push_back(static_cast<double>(*std::max_element(i.rank_ns.begin(),
                                                            i.rank_ns.end())) /
                      trips);
    wall.push_back(static_cast<double>(i.wall_ns) / trips);
    cpu_ns += i.cpu_ns;
    system_ns += i.system_ns;
    copy_ns += i.copy_ns;
    s.payload_bytes += i.payload_bytes;
    s.wire_bytes += i.wire_bytes;
    s.messages += i.messages;
  }
  s.slowest_ns = SpreadOf(std::move(slowest));
  s.wall_ns = SpreadOf(std::move(wall));
  if (s.payload_bytes == 0) return s;
  // Bytes per nanosecond are 10^9 bytes per second; ns / bytes are s / 10^9.
  const double bytes = static_cast<double>(s.payload_bytes);
  if (s.slowest_ns.median > 0) {
    s.gigabytes_per_second =
        bytes / s.iterations / s.ranks / s.slowest_ns.median;
  }
  s.cpu_seconds_per_gigabyte = cpu_ns / bytes;
  s.system_seconds_per_gigabyte = system_ns / bytes;
  s.copy_seconds_per_gigabyte = copy_ns / bytes;
  return s;
}

}  // namespace ithaca::perf
