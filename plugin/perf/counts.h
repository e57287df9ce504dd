// The byte counts of an all-to-allv, from a file.
//
// Two forms of JSON: a square matrix of bytes, row = sender ([[0,5],[7,0]]), or
// an ithaca.planner.v1.Plan in proto3 JSON (alone, or as an entry of "plans").
// Input is hostile until parsed: sizes and types are checked. Pure.
#ifndef ITHACA_PLUGIN_PERF_COUNTS_H_
#define ITHACA_PLUGIN_PERF_COUNTS_H_

#include <cstddef>
#include <string>
#include <vector>

#include "plugin/core/status.h"

namespace ithaca::perf {

// [sender][receiver] in bytes; square.
using Counts = std::vector<std::vector<size_t>>;

// `exchange` is "seq_to_heads" or "heads_to_seq"; of no account to a matrix.
StatusOr<Counts> ParseCounts(const std::string& json,
                             const std::string& exchange);
StatusOr<Counts> ReadCounts(const std::string& path,
                            const std::string& exchange);

}  // namespace ithaca::perf

#endif  // ITHACA_PLUGIN_PERF_COUNTS_H_
