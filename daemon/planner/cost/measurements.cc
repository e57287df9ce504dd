#include "daemon/planner/cost/measurements.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "nlohmann/json.hpp"

namespace ithaca::planner {
namespace {

using Json = nlohmann::json;
using Points = std::vector<MeasuredTime>;

constexpr int kMaxDepth = 16;
constexpr uint32_t kMaxRanks = 1u << 20;
// Far above any exchange: an exabyte, a month.
constexpr double kMostBytes = 1e18;
constexpr double kMostSeconds = 2.6e6;

absl::Status Error(const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat("measurements: ", what));
}

absl::StatusOr<Json> ParseJson(absl::string_view text) {
  bool too_deep = false;
  const Json::parser_callback_t watch = [&](int depth, Json::parse_event_t,
                                            Json&) {
    too_deep |= depth > kMaxDepth;
    return !too_deep;
  };
  Json json = Json::parse(text.begin(), text.end(), watch,
                          /*allow_exceptions=*/false);
  if (too_deep) {
    return Error(absl::StrCat("JSON nests deeper than ", kMaxDepth, " levels"));
  }
  if (json.is_discarded() || !json.is_object()) {
    return Error("not a JSON object");
  }
  return json;
}

// The number at `key`, or NaN.
double NumberAt(const Json& object, const char* key) {
  if (!object.is_object()) return std::nan("");
  const auto found = object.find(key);
  if (found == object.end() || !found->is_number()) return std::nan("");
  return found->get<double>();
}

std::string StringAt(const Json& object, const char* key) {
  if (!object.is_object()) return "";
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>()
                                                     : "";
}

const Json* ArrayAt(const Json& object, const char* key) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(key);
  return found != object.end() && found->is_array() ? &*found : nullptr;
}

absl::Status AddPoint(double bytes, double seconds, Points& points) {
  if (points.size() == kMaxMeasurements) {
    return Error(absl::StrCat("more than ", kMaxMeasurements, " sizes"));
  }
  if (!(bytes >= 0) || bytes > kMostBytes) {
    return Error("a size is missing or out of range");
  }
  if (!(seconds > 0) || seconds > kMostSeconds) {
    return Error(absl::StrCat("the time of ", bytes,
                              " bytes is missing or out of range"));
  }
  points.push_back({bytes, seconds});
  return absl::OkStatus();
}

// Ascending, the last of each size.
absl::StatusOr<Points> Sorted(Points points) {
  if (points.empty()) {
    return Error(
        "no sizes. Give the output of ithaca-perf --json or of nccl-tests' "
        "alltoall_perf");
  }
  std::reverse(points.begin(), points.end());
  std::stable_sort(points.begin(), points.end(),
                   [](const MeasuredTime& a, const MeasuredTime& b) {
                     return a.bytes < b.bytes;
                   });
  points.erase(std::unique(points.begin(), points.end(),
                           [](const MeasuredTime& a, const MeasuredTime& b) {
                             return a.bytes == b.bytes;
                           }),
               points.end());
  return points;
}

absl::StatusOr<Points> FromPerf(const Json& document) {
  const auto run = document.find("run");
  const Json* results = ArrayAt(document, "results");
  if (run == document.end() || results == nullptr) {
    return Error("ithaca-perf's summary lacks run or results");
  }
  const std::string pattern = StringAt(*run, "pattern");
  if (pattern != "alltoall") {
    return Error(absl::StrCat("the pattern is '", pattern,
                              "'; only alltoall is a time of an all-to-all"));
  }
  const double ranks = NumberAt(*run, "ranks");
  if (!(ranks >= 2) || ranks > kMaxRanks) return Error("run.ranks");
  Points points;
  for (const Json& result : *results) {
    const double iterations = NumberAt(result, "iterations");
    if (!(iterations >= 1)) return Error("results.iterations");
    const absl::Status added =
        AddPoint(NumberAt(result, "payload_bytes") / (iterations * ranks),
                 NumberAt(result, "median_us") / 1e6, points);
    if (!added.ok()) return added;
  }
  return Sorted(std::move(points));
}

absl::Status CheckRanks(uint32_t ranks) {
  if (ranks >= 2 && ranks <= kMaxRanks) return absl::OkStatus();
  return Error(
      "the number of ranks is unknown or out of range; say how many ran");
}

double ToOthers(double bytes, uint32_t ranks) {
  return bytes / ranks * (ranks - 1);
}

absl::StatusOr<Points> FromNcclJson(const Json& document, uint32_t ranks) {
  if (const Json* args = ArrayAt(document, "args")) {
    const std::string program = args->empty() || !(*args)[0].is_string()
                                    ? ""
                                    : (*args)[0].get<std::string>();
    if (program.find("alltoall") == std::string::npos) {
      return Error(absl::StrCat("'", program, "' is not alltoall_perf"));
    }
  }
  const auto config = document.find("config");
  if (ranks == 0 && config != document.end()) {
    const Json* devices = ArrayAt(*config, "devices");
    if (devices != nullptr && devices->size() <= kMaxRanks) {
      ranks = static_cast<uint32_t>(devices->size());
    }
  }
  if (const absl::Status status = CheckRanks(ranks); !status.ok()) {
    return status;
  }
  Points points;
  for (const Json& result : *ArrayAt(document, "results")) {
    if (!result.is_object()) return Error("a result is not an object");
    const auto times = result.find("out_of_place");
    const double us =
        times == result.end() ? std::nan("") : NumberAt(*times, "time");
    const absl::Status added =
        AddPoint(ToOthers(NumberAt(result, "size"), ranks), us / 1e6, points);
    if (!added.ok()) return added;
  }
  return Sorted(std::move(points));
}

absl::StatusOr<Points> FromJson(absl::string_view text, uint32_t ranks) {
  absl::StatusOr<Json> document = ParseJson(text);
  if (!document.ok()) return document.status();
  if (StringAt(*document, "tool") == "ithaca-perf") return FromPerf(*document);
  if (ArrayAt(*document, "results") != nullptr) {
    return FromNcclJson(*document, ranks);
  }
  return Error("neither ithaca-perf's nor nccl-tests' JSON");
}

// The last summary among lines of JSON.
absl::StatusOr<Points> FromJsonLines(absl::string_view text) {
  absl::string_view summary;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    if (line.find("\"event\":\"summary\"") != absl::string_view::npos) {
      summary = line;
    }
  }
  if (summary.empty()) {
    return Error("ithaca-perf's lines end without a summary: the run failed");
  }
  return FromJson(summary, 0);
}

// What the comment lines say.
struct Header {
  uint32_t ranks = 0;
  bool all_to_all = true;
  size_t time_at = 4;  // after size, count, type, redop; newer versions: root
};

Header ReadHeader(absl::string_view text) {
  constexpr absl::string_view kStarting = "Collective test starting:";
  Header header;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    if (!absl::ConsumePrefix(&line, "#")) continue;
    const absl::string_view words = absl::StripLeadingAsciiWhitespace(line);
    if (words.substr(0, 5) == "Rank ") ++header.ranks;
    if (words.substr(0, 5) == "size " &&
        words.find(" root ") != absl::string_view::npos) {
      header.time_at = 5;
    }
    if (words.substr(0, kStarting.size()) == kStarting) {
      header.all_to_all = words.find("alltoall") != absl::string_view::npos;
    }
  }
  return header;
}

absl::Status AddLine(absl::string_view line, std::vector<MeasuredTime>& points,
                     uint32_t ranks, size_t time_at) {
  const std::vector<absl::string_view> words =
      absl::StrSplit(line, absl::ByAnyChar(" \t\r"), absl::SkipEmpty());
  double size = 0;
  if (words.size() < 8 || !absl::SimpleAtod(words[0], &size)) {
    return absl::OkStatus();  // what other tools print between the rows
  }
  double us = 0;
  if (!absl::SimpleAtod(words[time_at], &us)) {
    return Error(absl::StrCat("no time in the row of ", words[0], " bytes"));
  }
  return AddPoint(ToOthers(size, ranks), us / 1e6, points);
}

absl::StatusOr<Points> FromNcclText(absl::string_view text, uint32_t ranks) {
  const Header header = ReadHeader(text);
  if (!header.all_to_all) {
    return Error("nccl-tests' output is not of alltoall_perf");
  }
  if (ranks == 0) ranks = header.ranks;
  if (const absl::Status status = CheckRanks(ranks); !status.ok()) {
    return status;
  }
  Points points;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    const absl::Status added = AddLine(line, points, ranks, header.time_at);
    if (!added.ok()) return added;
  }
  return Sorted(std::move(points));
}

}  // namespace

absl::StatusOr<Points> ParseMeasurements(absl::string_view text,
                                         uint32_t ranks) {
  if (text.size() > kMaxMeasurementBytes) {
    return Error(absl::StrCat(text.size(), " bytes, at most ",
                              kMaxMeasurementBytes, " are read"));
  }
  const absl::string_view start = absl::StripLeadingAsciiWhitespace(text);
  if (start.empty() || start[0] != '{') return FromNcclText(text, ranks);
  const bool lines =
      start.find("\"event\":\"iteration\"") != absl::string_view::npos;
  return lines ? FromJsonLines(start) : FromJson(start, ranks);
}

}  // namespace ithaca::planner
