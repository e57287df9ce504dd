#include "plugin/perf/measurement.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace ithaca::perf {

using nlohmann::json;

std::string Measurement::Encode() const {
  return json{{"wall_ns", wall_ns},
              {"user_ns", user_ns},
              {"system_ns", system_ns},
              {"copy_ns", copy_ns},
              {"payload_bytes", payload_bytes},
              {"wire_bytes", wire_bytes},
              {"messages", messages},
              {"checked_bytes", checked_bytes}}
      .dump();
}

StatusOr<Measurement> Measurement::Decode(const std::string& text) {
  const json parsed = json::parse(text, nullptr, /*allow_exceptions=*/false);
  Measurement m;
  auto number = [&parsed](const char* name, auto* field) {
    const auto found = parsed.find(name);
    if (found == parsed.end() || !found->is_number_integer()) return false;
    found->get_to(*field);
    return true;
  };
  bool good =
      parsed.is_object() && number("user_ns", &m.user_ns) &&
      number("system_ns", &m.system_ns) && number("copy_ns", &m.copy_ns) &&
      number("payload_bytes", &m.payload_bytes) &&
      number("wire_bytes", &m.wire_bytes) && number("messages", &m.messages) &&
      number("checked_bytes", &m.checked_bytes);
  const auto wall = good ? parsed.find("wall_ns") : parsed.end();
  good = good && wall != parsed.end() && wall->is_array();
  if (good) {
    for (const json& value : *wall) {
      good = good && value.is_number_integer();
      if (good) m.wall_ns.push_back(value.get<int64_t>());
    }
  }
  if (good) return m;
  return Status(Code::kDataLoss, "a rank sent a measurement without sense");
}

Summary Summarize(const std::vector<Measurement>& ranks) {
  Summary s;
  s.ranks = static_cast<int>(ranks.size());
  s.iterations = static_cast<int>(ranks[0].wall_ns.size());
  std::vector<int64_t> slowest(s.iterations, 0);
  double cpu_ns = 0, system_ns = 0, copy_ns = 0;
  for (const Measurement& m : ranks) {
    for (int i = 0; i < s.iterations; ++i) {
      slowest[i] = std::max(slowest[i], m.wall_ns[i]);
    }
    cpu_ns += m.user_ns + m.system_ns;
    system_ns += m.system_ns;
    copy_ns += m.copy_ns;
    s.payload_bytes += m.payload_bytes;
    s.wire_bytes += m.wire_bytes;
    s.messages += m.messages;
    s.checked_bytes += m.checked_bytes;
  }
  std::sort(slowest.begin(), slowest.end());
  const size_t middle = slowest.size() / 2;
  s.median_ns = slowest.size() % 2 == 1
                    ? slowest[middle]
                    : (slowest[middle - 1] + slowest[middle]) / 2.0;
  s.min_ns = slowest.front();
  s.max_ns = slowest.back();
  if (s.payload_bytes == 0) return s;
  // Bytes per nanosecond are 10^9 bytes per second; ns / bytes are s / 10^9.
  const double bytes = static_cast<double>(s.payload_bytes);
  if (s.median_ns > 0) {
    s.gigabytes_per_second = bytes / s.iterations / s.ranks / s.median_ns;
  }
  s.cpu_seconds_per_gigabyte = cpu_ns / bytes;
  s.system_seconds_per_gigabyte = system_ns / bytes;
  s.copy_seconds_per_gigabyte = copy_ns / bytes;
  return s;
}

}  // namespace ithaca::perf
