#include "plugin/perf/measurement.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

namespace ithaca::perf {

using nlohmann::json;

namespace {

// [[name, sent, received], ...]
json EncodeRails(const std::vector<RailBytes>& rails) {
  json list = json::array();
  for (const RailBytes& rail : rails) {
    list.push_back({rail.name, rail.sent, rail.received});
  }
  return list;
}

bool DecodeRails(const json& list, std::vector<RailBytes>* rails) {
  if (!list.is_array()) return false;
  for (const json& entry : list) {
    if (!entry.is_array() || entry.size() != 3 || !entry[0].is_string() ||
        !entry[1].is_number_unsigned() || !entry[2].is_number_unsigned()) {
      return false;
    }
    rails->push_back({entry[0].get<std::string>(), entry[1].get<uint64_t>(),
                      entry[2].get<uint64_t>()});
  }
  return true;
}

bool DecodeStalls(const json& list, driver::Stalls* stalls) {
  if (!list.is_array() || list.size() != 3) return false;
  for (const json& value : list) {
    if (!value.is_number_integer()) return false;
  }
  *stalls = {list[0].get<int64_t>(), list[1].get<int64_t>(),
             list[2].get<int64_t>()};
  return true;
}

// Adds to `all`; `ranks` share the interfaces.
void AddRails(const std::vector<int>& ranks,
              const std::vector<RailBytes>& rails,
              std::vector<RailTraffic>* all) {
  for (const RailBytes& rail : rails) {
    auto same =
        std::find_if(all->begin(), all->end(), [&](const RailTraffic& r) {
          return r.moved.name == rail.name && r.ranks == ranks;
        });
    if (same == all->end()) {
      all->push_back({ranks, rail});
      continue;
    }
    same->moved.sent += rail.sent;
    same->moved.received += rail.received;
  }
}

}  // namespace

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
              {"checked_bytes", checked_bytes},
              {"stalls", {stalls.longest_ns, stalls.total_ns, stalls.count}},
              {"network", network},
              {"rails", EncodeRails(rails)}}
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
  auto text_field = [&](const char* name, std::string* field) {
    const auto found = good ? parsed.find(name) : parsed.end();
    good = found != parsed.end() && found->is_string();
    if (good) found->get_to(*field);
  };
  text_field("clock", &s.clock);
  text_field("network", &s.network);
  good = good && parsed.contains("rails") && parsed.contains("stalls") &&
         DecodeRails(parsed["rails"], &s.rails) &&
         DecodeStalls(parsed["stalls"], &s.stalls);
  if (good) return s;
  return Status(Code::kDataLoss, "a rank sent a measurement without sense");
}

Iteration Combine(const std::vector<Sample>& ranks, bool measured) {
  Iteration all;
  all.measured = measured;
  struct Span {
    int64_t start, end;
  };
  std::map<std::string, Span> clocks;
  std::map<std::string, std::vector<int>> networks;
  for (size_t r = 0; r < ranks.size(); ++r) {
    const Sample& s = ranks[r];
    networks[s.network].push_back(static_cast<int>(r));
    if (s.stalls.longest_ns > all.stalls.longest_ns) {
      all.stalls = s.stalls;
      all.stalled_rank = static_cast<int>(r);
    }
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
  // All of a network saw the same: one of them tells.
  for (size_t r = 0; r < ranks.size(); ++r) {
    const std::vector<int>& sharing = networks[ranks[r].network];
    if (sharing.front() != static_cast<int>(r)) continue;
    AddRails(sharing, ranks[r].rails, &all.rails);
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
    s.stalls.longest_ns = std::max(s.stalls.longest_ns, i.stalls.longest_ns);
    s.stalls.total_ns += i.stalls.total_ns;
    s.stalls.count += i.stalls.count;
    s.wall_sum_ns += static_cast<double>(i.wall_ns);
    for (const RailTraffic& rail : i.rails) {
      AddRails(rail.ranks, {rail.moved}, &s.rails);
    }
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
