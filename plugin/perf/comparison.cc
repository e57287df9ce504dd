#include "plugin/perf/comparison.h"

#include <algorithm>
#include <functional>
#include <sstream>
#include <utility>

#include "plugin/perf/report.h"
#include "plugin/perf/sizes.h"

namespace ithaca::perf {
namespace {

using nlohmann::ordered_json;

// A figure that must be there.
bool Number(const ordered_json& object, const char* name, double* value) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_number()) return false;
  found->get_to(*value);
  return true;
}

bool Text(const ordered_json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string();
}

bool ParseCase(const ordered_json& result, int ranks, TurnCase* c) {
  double bytes, wall_us, iterations, payload, cpu, copy, stall_us;
  if (!result.is_object() || !Number(result, "bytes", &bytes) ||
      !Number(result, "wall_median_us", &wall_us) ||
      !Number(result, "iterations", &iterations) ||
      !Number(result, "payload_bytes", &payload) ||
      !Number(result, "cpu_seconds_per_gigabyte", &cpu) ||
      !Number(result, "copy_seconds_per_gigabyte", &copy) ||
      !Number(result, "longest_stall_us", &stall_us)) {
    return false;
  }
  c->bytes = static_cast<uint64_t>(bytes);
  c->wall_ns = wall_us * 1e3;
  c->longest_stall_ns = stall_us * 1e3;
  if (payload <= 0 || iterations <= 0) return true;
  c->cpu_seconds_per_gigabyte = cpu;
  c->copy_seconds_per_gigabyte = copy;
  // One message at a time says nothing about a rate.
  const auto rate = result.find("gigabytes_per_second_per_rank");
  const bool has_rate = rate != result.end() && rate->is_number();
  if (has_rate && c->wall_ns > 0) {
    c->gigabytes_per_second = payload / iterations / ranks / c->wall_ns;
  }
  return true;
}

using Figure = std::function<std::optional<double>(const TurnCase&)>;

Versus Compare(const std::vector<Turn>& first, const std::vector<Turn>& second,
               size_t index, const Figure& figure) {
  std::vector<double> values[2], ratios;
  for (size_t t = 0; t < first.size(); ++t) {
    const auto a = figure(first[t].cases[index]);
    const auto b = figure(second[t].cases[index]);
    if (a.has_value()) values[0].push_back(*a);
    if (b.has_value()) values[1].push_back(*b);
    if (a.has_value() && b.has_value() && *b > 0) ratios.push_back(*a / *b);
  }
  auto spread = [](const std::vector<double>& list) -> std::optional<Spread> {
    if (list.empty()) return std::nullopt;
    return SpreadOf(list);
  };
  return {spread(values[0]), spread(values[1]), spread(ratios)};
}

ordered_json ToJson(const std::optional<Spread>& s) {
  if (!s.has_value()) return ordered_json();
  return {{"median", s->median}, {"min", s->min}, {"max", s->max}};
}

ordered_json ToJson(const Versus& v) {
  return {{"first", ToJson(v.first)},
          {"second", ToJson(v.second)},
          {"ratio", ToJson(v.ratio)}};
}

// "1.52 (1.40 to 1.61)".
std::string FormatRatio(const std::optional<Spread>& s) {
  if (!s.has_value()) return "-";
  char text[64];
  snprintf(text, sizeof(text), "%.2f (%.2f to %.2f)", s->median, s->min,
           s->max);
  return text;
}

std::string FormatMedian(const std::optional<Spread>& s) {
  if (!s.has_value()) return "-";
  char text[32];
  snprintf(text, sizeof(text), "%.3g", s->median);
  return text;
}

void PrintRow(const ComparedCase& c, const std::string& bytes,
              const std::string& name, int side, FILE* out) {
  auto of = [side](const Versus& v) { return side == 0 ? v.first : v.second; };
  const Spread time_ns = of(c.time_ns).value_or(Spread());
  fprintf(out, "%10s %-12s %10s %10s %10s %9s %9s %10s %9s\n", bytes.c_str(),
          name.c_str(), FormatTime(time_ns.median).c_str(),
          FormatTime(time_ns.min).c_str(), FormatTime(time_ns.max).c_str(),
          FormatMedian(of(c.gigabytes_per_second)).c_str(),
          FormatMedian(of(c.cpu_seconds_per_gigabyte)).c_str(),
          FormatMedian(of(c.cpu_without_copies)).c_str(),
          FormatTime(c.longest_stall_ns[side]).c_str());
}

void PrintTable(const Comparison& comparison,
                const std::vector<ComparedCase>& cases, FILE* out) {
  for (int side : {0, 1}) {
    const ordered_json& plugin = comparison.turns[side][0].document["plugin"];
    fprintf(out, "%s: net ABI v%s, device %s, %s\n",
            comparison.names[side].c_str(), plugin["abi"].dump().c_str(),
            plugin["device"].get<std::string>().c_str(),
            plugin["path"].get<std::string>().c_str());
  }
  const ordered_json& run = comparison.turns[0][0].document["run"];
  fprintf(out,
          "%s, %s ranks, %zu turns each, in alternation, %s iterations a turn; "
          "medians of turns\n",
          run["pattern"].get<std::string>().c_str(),
          run["ranks"].dump().c_str(), comparison.turns[0].size(),
          run["iterations"].dump().c_str());
  fprintf(out, "%10s %-12s %10s %10s %10s %9s %9s %10s %9s\n", "bytes",
          "plugin", "time", "min", "max", "GB/s/rank", "CPU s/GB",
          "less copies", "stall");
  for (const ComparedCase& c : cases) {
    PrintRow(c, FormatBytes(c.bytes), comparison.names[0], 0, out);
    PrintRow(c, "", comparison.names[1], 1, out);
    fprintf(out,
            "%10s ratios: throughput %s, time %s,\n"
            "%10s CPU s/GB %s, less copies %s\n",
            "", FormatRatio(c.gigabytes_per_second.ratio).c_str(),
            FormatRatio(c.time_ns.ratio).c_str(), "",
            FormatRatio(c.cpu_seconds_per_gigabyte.ratio).c_str(),
            FormatRatio(c.cpu_without_copies.ratio).c_str());
  }
}

ordered_json Document(const Comparison& comparison,
                      const std::vector<ComparedCase>& cases) {
  ordered_json plugins = ordered_json::array();
  for (int side : {0, 1}) {
    ordered_json turns = ordered_json::array();
    for (const Turn& turn : comparison.turns[side]) {
      turns.push_back(turn.document["results"]);
    }
    const ordered_json& document = comparison.turns[side][0].document;
    plugins.push_back({{"label", comparison.names[side]},
                       {"plugin", document["plugin"]},
                       {"turns", std::move(turns)}});
  }
  ordered_json list = ordered_json::array();
  for (const ComparedCase& c : cases) {
    list.push_back(
        {{"bytes", c.bytes},
         {"time_ns", ToJson(c.time_ns)},
         {"gigabytes_per_second_per_rank", ToJson(c.gigabytes_per_second)},
         {"cpu_seconds_per_gigabyte", ToJson(c.cpu_seconds_per_gigabyte)},
         {"cpu_seconds_per_gigabyte_without_copies",
          ToJson(c.cpu_without_copies)}});
  }
  return {{"event", "comparison"},
          {"tool", "ithaca-perf"},
          {"format", 1},
          {"run", comparison.turns[0][0].document["run"]},
          {"plugins", std::move(plugins)},
          {"comparison", std::move(list)}};
}

}  // namespace

StatusOr<Turn> ParseTurn(const std::string& jsonl) {
  const Status bad(Code::kDataLoss,
                   "a turn ended well and printed no result that makes sense");
  Turn turn;
  std::stringstream stream(jsonl);
  for (std::string line; std::getline(stream, line);) {
    ordered_json parsed = ordered_json::parse(line, nullptr, false);
    if (!parsed.is_object()) return bad;
    const ordered_json event = parsed.value("event", ordered_json());
    if (event == "iteration") turn.iterations.push_back(std::move(parsed));
    if (event == "summary") turn.document = std::move(parsed);
  }
  double ranks = 0;
  for (const char* part : {"plugin", "run", "results"}) {
    if (!turn.document.contains(part)) return bad;
  }
  const ordered_json& plugin = turn.document["plugin"];
  const ordered_json& run = turn.document["run"];
  if (!plugin.is_object() || !run.is_object() || !Text(plugin, "name") ||
      !Text(plugin, "device") || !Text(plugin, "path") ||
      !Text(run, "pattern") || !Number(run, "ranks", &ranks) || ranks < 1) {
    return bad;
  }
  for (const ordered_json& result : turn.document["results"]) {
    turn.cases.emplace_back();
    if (!ParseCase(result, static_cast<int>(ranks), &turn.cases.back())) {
      return bad;
    }
  }
  return turn;
}

std::vector<ComparedCase> CompareTurns(const std::vector<Turn>& first,
                                       const std::vector<Turn>& second) {
  std::vector<ComparedCase> cases;
  for (size_t i = 0; i < first[0].cases.size(); ++i) {
    ComparedCase c;
    c.bytes = first[0].cases[i].bytes;
    auto versus = [&](const Figure& figure) {
      return Compare(first, second, i, figure);
    };
    c.time_ns = versus([](const TurnCase& t) { return t.wall_ns; });
    c.gigabytes_per_second =
        versus([](const TurnCase& t) { return t.gigabytes_per_second; });
    c.cpu_seconds_per_gigabyte =
        versus([](const TurnCase& t) { return t.cpu_seconds_per_gigabyte; });
    c.cpu_without_copies = versus([](const TurnCase& t) {
      if (!t.cpu_seconds_per_gigabyte.has_value()) {
        return std::optional<double>();
      }
      return std::optional<double>(*t.cpu_seconds_per_gigabyte -
                                   t.copy_seconds_per_gigabyte.value_or(0));
    });
    for (int side : {0, 1}) {
      for (const Turn& turn : side == 0 ? first : second) {
        c.longest_stall_ns[side] =
            std::max(c.longest_stall_ns[side], turn.cases[i].longest_stall_ns);
      }
    }
    cases.push_back(std::move(c));
  }
  return cases;
}

void PrintComparison(const Comparison& comparison, Output output, FILE* out) {
  const auto cases = CompareTurns(comparison.turns[0], comparison.turns[1]);
  if (output == Output::kTable) {
    PrintTable(comparison, cases, out);
  } else {
    const int indent = output == Output::kJson ? 2 : -1;
    fprintf(out, "%s\n", Document(comparison, cases).dump(indent).c_str());
  }
  fflush(out);
}

}  // namespace ithaca::perf
