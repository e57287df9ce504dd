// Numbers of bytes as people write and read them. Pure functions.
#ifndef ITHACA_PLUGIN_PERF_SIZES_H_
#define ITHACA_PLUGIN_PERF_SIZES_H_

#include <cstddef>
#include <string>
#include <vector>

#include "plugin/core/status.h"

namespace ithaca::perf {

// "17", "4K", "1M", "2G", "4KiB": powers of 1024.
StatusOr<size_t> ParseBytes(const std::string& text);
// "0,1,4K" or "1K:16M:4" (begin, end, factor), in any mixture.
StatusOr<std::vector<size_t>> ParseByteList(const std::string& text);
// "0 B", "4 KiB", "1.5 MiB".
std::string FormatBytes(size_t bytes);

}  // namespace ithaca::perf

#endif  // ITHACA_PLUGIN_PERF_SIZES_H_
