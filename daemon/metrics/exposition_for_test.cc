#include "daemon/metrics/exposition_for_test.h"

#include <algorithm>
#include <cstdlib>
#include <regex>
#include <set>
#include <sstream>

namespace ithaca::metrics {
namespace {

bool EndsWith(const std::string& text, const std::string& end) {
  return text.size() >= end.size() &&
         text.compare(text.size() - end.size(), end.size(), end) == 0;
}

// The family that a sample of this name belongs to: that of its own name, or a
// histogram's.
std::string FamilyOf(const std::string& name, const Exposition& exposition) {
  if (exposition.types.count(name) != 0) return name;
  for (const char* end : {"_bucket", "_sum", "_count"}) {
    if (!EndsWith(name, end)) continue;
    const std::string base =
        name.substr(0, name.size() - std::string(end).size());
    const auto found = exposition.types.find(base);
    if (found != exposition.types.end() && found->second == "histogram")
      return base;
  }
  return "";
}

void CheckName(const std::string& name, const std::string& type,
               std::vector<std::string>* faults) {
  if (name.rfind("ithaca_", 0) != 0 && name.rfind("process_", 0) != 0)
    faults->push_back(name + ": has no prefix");
  if ((type == "counter") != EndsWith(name, "_total"))
    faults->push_back(name + ": _total is for counters, and for all of them");
  static const std::regex other_units(
      ".*_(ms|us|ns|milliseconds|microseconds|minutes|hours|kb|mb|gb|kib|mib|"
      "percent|bits)(_.*)?");
  if (std::regex_match(name, other_units))
    faults->push_back(name + ": is not in a base unit");
  if (type == "histogram" && !EndsWith(name, "_seconds") &&
      !EndsWith(name, "_bytes")) {
    faults->push_back(name + ": says no unit");
  }
}

// The `le` of a bucket's labels.
double BoundOf(const std::string& series) {
  const size_t at = series.find("le=\"");
  return std::strtod(series.c_str() + at + 4, nullptr);
}

std::string WithoutBound(std::string series) {
  static const std::regex bound(",?le=\"[^\"]*\"");
  series = std::regex_replace(series, bound, "");
  const size_t empty = series.find("{}");
  if (empty != std::string::npos) series.erase(empty);
  return series;
}

void CheckHistograms(Exposition* exposition) {
  std::map<std::string, std::vector<std::pair<double, double>>> buckets;
  for (const auto& [series, value] : exposition->series) {
    if (series.find("_bucket{") != std::string::npos)
      buckets[WithoutBound(series)].emplace_back(BoundOf(series), value);
  }
  for (auto& [name, rows] : buckets) {
    std::sort(rows.begin(), rows.end());
    for (size_t i = 1; i < rows.size(); ++i) {
      if (rows[i].second < rows[i - 1].second)
        exposition->faults.push_back(name + ": buckets fall");
    }
    std::string count = name, sum = name;
    count.replace(count.find("_bucket"), 7, "_count");
    sum.replace(sum.find("_bucket"), 7, "_sum");
    if (rows.back().first < 1e300 ||
        exposition->Get(count) != rows.back().second ||
        exposition->series.count(sum) == 0) {
      exposition->faults.push_back(name + ": has no +Inf, _count or _sum");
    }
  }
}

// "# HELP name text" and "# TYPE name type".
void ReadComment(const std::string& line, std::set<std::string>* helped,
                 Exposition* exposition) {
  std::istringstream words(line);
  std::string hash, kind, name, rest;
  words >> hash >> kind >> name >> rest;
  if (kind == "HELP") {
    if (rest.empty() || !helped->insert(name).second)
      exposition->faults.push_back(name + ": HELP is empty or there twice");
  } else if (kind == "TYPE") {
    if (helped->count(name) == 0 ||
        !exposition->types.emplace(name, rest).second) {
      exposition->faults.push_back(name + ": TYPE without HELP, or twice");
    }
    CheckName(name, rest, &exposition->faults);
  } else {
    exposition->faults.push_back("no HELP and no TYPE: " + line);
  }
}

void ReadSample(const std::string& line, size_t max_labels,
                Exposition* exposition) {
  static const std::regex form(
      R"re(([a-z_:][a-z0-9_:]*)(\{((?:[a-z_][a-z0-9_]*="(?:[^"\\]|\\.)*",?)*)\})? (\S+))re");
  std::smatch match;
  if (!std::regex_match(line, match, form)) {
    exposition->faults.push_back("malformed: " + line);
    return;
  }
  if (FamilyOf(match[1], *exposition).empty())
    exposition->faults.push_back("before its TYPE: " + line);
  const std::string labels = match[3];
  static const std::regex label("[a-z_]+=\"(?:[^\"\\\\]|\\\\.)*\"");
  const auto count = static_cast<size_t>(
      std::distance(std::sregex_iterator(labels.begin(), labels.end(), label),
                    std::sregex_iterator()));
  const bool bucket = labels.find("le=\"") != std::string::npos;
  if (count > max_labels + (bucket ? 1 : 0))
    exposition->faults.push_back("too many labels: " + line);
  const std::string series = line.substr(0, line.rfind(' '));
  const std::string number = match[4];
  char* end = nullptr;
  const double value = std::strtod(number.c_str(), &end);
  if (*end != '\0') exposition->faults.push_back("no number: " + line);
  if (!exposition->series.emplace(series, value).second)
    exposition->faults.push_back("twice: " + series);
}

}  // namespace

Exposition ReadExposition(const std::string& text, size_t max_labels) {
  Exposition exposition;
  std::set<std::string> helped;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.empty()) continue;
    if (line[0] == '#') {
      ReadComment(line, &helped, &exposition);
    } else {
      ReadSample(line, max_labels, &exposition);
    }
  }
  if (text.empty() || text.back() != '\n')
    exposition.faults.push_back("the last line has no end");
  CheckHistograms(&exposition);
  return exposition;
}

std::vector<std::string> FallenCounters(const Exposition& before,
                                        const Exposition& after) {
  std::vector<std::string> fallen;
  for (const auto& [series, value] : before.series) {
    const std::string name = series.substr(0, series.find('{'));
    const std::string family = FamilyOf(name, before);
    const auto type = before.types.find(family);
    if (type == before.types.end() || type->second == "gauge") continue;
    if (after.Get(series) < value) fallen.push_back(series);
  }
  return fallen;
}

}  // namespace ithaca::metrics
