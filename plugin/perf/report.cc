#include "plugin/perf/report.h"

#include "plugin/perf/sizes.h"

namespace ithaca::perf {
namespace {

constexpr int kFormat = 1;  // of the JSON document; rises when a field changes

const char* VerifyName(Verify verify) {
  switch (verify) {
    case Verify::kAll:
      return "all";
    case Verify::kFirst:
      return "first";
    case Verify::kNone:
      return "none";
  }
  return "";
}

}  // namespace

using nlohmann::ordered_json;

namespace {

ordered_json RailsToJson(const std::vector<RailTraffic>& rails, double ns) {
  ordered_json list = ordered_json::array();
  for (const RailTraffic& rail : rails) {
    list.push_back(
        {{"ranks", rail.ranks},
         {"interface", rail.moved.name},
         {"sent_bytes", rail.moved.sent},
         {"received_bytes", rail.moved.received},
         {"sent_mbps", ns > 0 ? MegabitsPerSecond(rail.moved.sent, ns) : 0},
         {"received_mbps",
          ns > 0 ? MegabitsPerSecond(rail.moved.received, ns) : 0}});
  }
  return list;
}

// "0", "0-3", "0,2".
std::string FormatRankList(const std::vector<int>& ranks) {
  const int first = ranks.front(), last = ranks.back();
  if (ranks.size() > 1 && last - first + 1 == static_cast<int>(ranks.size())) {
    return std::to_string(first) + "-" + std::to_string(last);
  }
  std::string text;
  for (int rank : ranks)
    text += (text.empty() ? "" : ",") + std::to_string(rank);
  return text;
}

}  // namespace

std::string FormatTime(double ns) {
  char text[32];
  if (ns < 1e6) {
    snprintf(text, sizeof(text), "%.1f us", ns / 1e3);
  } else if (ns < 1e9) {
    snprintf(text, sizeof(text), "%.2f ms", ns / 1e6);
  } else {
    snprintf(text, sizeof(text), "%.3f s", ns / 1e9);
  }
  return text;
}

void Report::Begin(const Setup& setup) {
  if (config_.output == Output::kTable) {
    BeginTable(setup);
    return;
  }
  const driver::CommunicatorOptions& o = config_.driver;
  document_ = {{"event", "summary"},
               {"tool", "ithaca-perf"},
               {"format", kFormat},
               {"plugin",
                {{"name", setup.plugin_name},
                 {"path", setup.plugin_path},
                 {"abi", setup.abi},
                 {"abi_versions", setup.abi_versions},
                 {"device", setup.device},
                 {"device_mbps", setup.device_mbps}}},
               {"run",
                {{"pattern", PatternName(config_.pattern)},
                 {"skew", config_.skew},
                 {"ranks", setup.ranks},
                 {"iterations", config_.iters},
                 {"warmup", config_.warmup},
                 {"channels", o.channels},
                 {"chunk_bytes", setup.chunk_bytes},
                 {"pipeline_depth", o.pipeline_depth},
                 {"group", o.group},
                 {"ll_threshold_bytes", o.ll_threshold_bytes},
                 {"own_share", config_.own_share},
                 {"user_buffers", o.user_buffers},
                 {"verify", VerifyName(config_.verify)},
                 {"connect_ms", setup.connect_ms}}},
               {"results", ordered_json::array()}};
}

void Report::BeginTable(const Setup& setup) {
  const driver::CommunicatorOptions& o = config_.driver;
  fprintf(out_, "plugin %s, net ABI v%d, device %s (%d Mbit/s), %s\n",
          setup.plugin_name.c_str(), setup.abi, setup.device.c_str(),
          setup.device_mbps, setup.plugin_path.c_str());
  fprintf(out_,
          "%s, %d ranks, %d channels, chunk %s, %s buffers, connected in "
          "%.0f ms\n",
          PatternName(config_.pattern), setup.ranks, o.channels,
          FormatBytes(setup.chunk_bytes).c_str(),
          o.user_buffers ? "users'" : "staging", setup.connect_ms);
  const char* what = config_.counts_file.empty() ? "bytes" : "total";
  fprintf(out_, "%10s %10s %10s %10s %9s %9s %9s %9s %9s  %s\n", what,
          config_.pattern == Pattern::kLatency ? "half trip" : "time", "min",
          "max", "GB/s/rank", "CPU s/GB", "copies", "messages", "stall",
          "checked");
  fflush(out_);
}

void Report::AddIteration(size_t bytes, int index, const Iteration& i) {
  if (config_.output != Output::kJsonLines) return;
  std::vector<double> rank_us;
  for (int64_t ns : i.rank_ns) rank_us.push_back(static_cast<double>(ns) / 1e3);
  const ordered_json line = {
      {"event", "iteration"},
      {"bytes", bytes},
      {"iteration", index},
      {"wall_us", static_cast<double>(i.wall_ns) / 1e3},
      {"rank_us", rank_us},
      {"payload_bytes", i.payload_bytes},
      {"wire_bytes", i.wire_bytes},
      {"cpu_us", static_cast<double>(i.cpu_ns) / 1e3},
      {"longest_stall_us", static_cast<double>(i.stalls.longest_ns) / 1e3},
      {"stalled_us", static_cast<double>(i.stalls.total_ns) / 1e3},
      {"stalled_rank", i.stalled_rank},
      {"rails", RailsToJson(i.rails, static_cast<double>(i.wall_ns))},
      {"checked_bytes", i.checked_bytes}};
  fprintf(out_, "%s\n", line.dump().c_str());
  fflush(out_);
}

void Report::Add(size_t bytes, const Summary& s) {
  if (config_.output == Output::kTable) {
    AddRow(bytes, s);
    return;
  }
  const bool latency = config_.pattern == Pattern::kLatency;
  document_["results"].push_back(
      {{"bytes", bytes},
       {"iterations", s.iterations},
       {"median_us", s.slowest_ns.median / 1e3},
       {"min_us", s.slowest_ns.min / 1e3},
       {"max_us", s.slowest_ns.max / 1e3},
       {"wall_median_us", s.wall_ns.median / 1e3},
       {"wall_min_us", s.wall_ns.min / 1e3},
       {"wall_max_us", s.wall_ns.max / 1e3},
       {"gigabytes_per_second_per_rank",
        latency ? ordered_json() : ordered_json(s.gigabytes_per_second)},
       {"cpu_seconds_per_gigabyte", s.cpu_seconds_per_gigabyte},
       {"system_seconds_per_gigabyte", s.system_seconds_per_gigabyte},
       {"copy_seconds_per_gigabyte", s.copy_seconds_per_gigabyte},
       {"payload_bytes", s.payload_bytes},
       {"wire_bytes", s.wire_bytes},
       {"messages", s.messages},
       {"checked_bytes", s.checked_bytes},
       {"longest_stall_us", static_cast<double>(s.stalls.longest_ns) / 1e3},
       {"stalls", s.stalls.count},
       {"stalled_us", static_cast<double>(s.stalls.total_ns) / 1e3},
       {"rails", RailsToJson(s.rails, s.wall_sum_ns)}});
}

void Report::AddRow(size_t bytes, const Summary& s) {
  auto figure = [&s](double value) {
    char text[32];
    snprintf(text, sizeof(text), "%.3g", value);
    return s.payload_bytes == 0 ? std::string("-") : std::string(text);
  };
  // One message at a time says nothing about a rate.
  const bool latency = config_.pattern == Pattern::kLatency;
  const std::string checked =
      s.checked_bytes == 0 && config_.verify == Verify::kNone
          ? "not checked"
          : FormatBytes(s.checked_bytes);
  fprintf(out_, "%10s %10s %10s %10s %9s %9s %9s %9llu %9s  %s\n",
          FormatBytes(bytes).c_str(), FormatTime(s.slowest_ns.median).c_str(),
          FormatTime(s.slowest_ns.min).c_str(),
          FormatTime(s.slowest_ns.max).c_str(),
          latency ? "-" : figure(s.gigabytes_per_second).c_str(),
          figure(s.cpu_seconds_per_gigabyte).c_str(),
          figure(s.copy_seconds_per_gigabyte).c_str(),
          static_cast<unsigned long long>(s.messages / s.iterations),
          FormatTime(static_cast<double>(s.stalls.longest_ns)).c_str(),
          checked.c_str());
  if (config_.rails) AddRailRows(s);
  fflush(out_);
}

void Report::AddRailRows(const Summary& s) {
  for (const RailTraffic& rail : s.rails) {
    fprintf(out_, "%10s %-10s rank %-6s sent %8.0f Mbit/s, received %8.0f\n",
            "", rail.moved.name.c_str(), FormatRankList(rail.ranks).c_str(),
            MegabitsPerSecond(rail.moved.sent, s.wall_sum_ns),
            MegabitsPerSecond(rail.moved.received, s.wall_sum_ns));
  }
}

void Report::End() {
  if (config_.output == Output::kTable) return;
  const int indent = config_.output == Output::kJson ? 2 : -1;
  fprintf(out_, "%s\n", document_.dump(indent).c_str());
  fflush(out_);
}

}  // namespace ithaca::perf
