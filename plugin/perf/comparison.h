// Two plugins measured in turns: what their turns say of each other.
//
// A turn is a run of ithaca-perf of its own; its input here is what that run
// printed with --output jsonl. Ratios are taken between neighbouring turns, the
// first plugin's figure over the second's, so that what slowly changes on the
// machine changes both. Pure but for the printing; one thread.
#ifndef ITHACA_PLUGIN_PERF_COMPARISON_H_
#define ITHACA_PLUGIN_PERF_COMPARISON_H_

#include <cstdint>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "plugin/core/status.h"
#include "plugin/perf/config.h"
#include "plugin/perf/measurement.h"

namespace ithaca::perf {

// One case of one turn. Empty: the pattern has no such figure.
struct TurnCase {
  uint64_t bytes = 0;  // as in the document
  double wall_ns = 0;  // median of the turn
  double longest_stall_ns = 0;
  std::optional<double> gigabytes_per_second;  // per rank, by wall_ns
  std::optional<double> cpu_seconds_per_gigabyte;
  std::optional<double> copy_seconds_per_gigabyte;
};

struct Turn {
  std::vector<nlohmann::ordered_json> iterations;  // the lines as they came
  nlohmann::ordered_json document;
  std::vector<TurnCase> cases;
};

// Error: kDataLoss when there is no document or it lacks a figure.
StatusOr<Turn> ParseTurn(const std::string& jsonl);

// One figure of both plugins and their ratio; empty where there is none.
struct Versus {
  std::optional<Spread> first, second, ratio;
};

struct ComparedCase {
  uint64_t bytes = 0;
  Versus time_ns;
  Versus gigabytes_per_second;
  Versus cpu_seconds_per_gigabyte;
  Versus cpu_without_copies;  // what is left after a GPU took over the copies
  double longest_stall_ns[2] = {0, 0};
};

// REQUIRES: equally many turns of both, at least one, all of the same cases.
std::vector<ComparedCase> CompareTurns(const std::vector<Turn>& first,
                                       const std::vector<Turn>& second);

struct Comparison {
  std::string names[2];
  std::vector<Turn> turns[2];
};
// As a table, or as one JSON document (on one line for kJsonLines).
void PrintComparison(const Comparison& comparison, Output output, FILE* out);

}  // namespace ithaca::perf

#endif  // ITHACA_PLUGIN_PERF_COMPARISON_H_
