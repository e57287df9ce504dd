#include "plugin/perf/sizes.h"

#include <cstdio>
#include <cstdlib>
#include <map>
#include <sstream>

namespace ithaca::perf {

StatusOr<size_t> ParseBytes(const std::string& text) {
  char* end = nullptr;
  const bool digit = !text.empty() && text[0] >= '0' && text[0] <= '9';
  const unsigned long long number =
      digit ? strtoull(text.c_str(), &end, 10) : 0;
  const std::string suffix = digit ? end : "";
  const std::map<std::string, int> shifts = {
      {"", 0},    {"B", 0},    {"K", 10}, {"KB", 10}, {"KiB", 10}, {"M", 20},
      {"MB", 20}, {"MiB", 20}, {"G", 30}, {"GB", 30}, {"GiB", 30}};
  const auto shift = shifts.find(suffix);
  if (!digit || shift == shifts.end() || number > (size_t{1} << 40) ||
      number << shift->second > (size_t{1} << 40)) {
    return Errorf(Code::kInvalidArgument,
                  "\"%s\" is no size; write 17, 4K, 1M or 2G, at most 1024G",
                  text.c_str());
  }
  return static_cast<size_t>(number) << shift->second;
}

StatusOr<std::vector<size_t>> ParseByteList(const std::string& text) {
  std::vector<size_t> list;
  std::stringstream items(text);
  std::string item;
  while (std::getline(items, item, ',')) {
    std::vector<size_t> fields;
    std::stringstream parts(item);
    std::string part;
    while (std::getline(parts, part, ':')) {
      auto bytes = ParseBytes(part);
      if (!bytes.ok()) return bytes.status();
      fields.push_back(*bytes);
    }
    if (fields.size() == 1) {
      list.push_back(fields[0]);
      continue;
    }
    if (fields.size() != 3 || fields[0] == 0 || fields[2] < 2 ||
        fields[2] > (1 << 20)) {
      return Errorf(Code::kInvalidArgument,
                    "\"%s\": a range is BEGIN:END:FACTOR with BEGIN at least "
                    "1 and FACTOR at least 2, such as 1K:16M:4",
                    item.c_str());
    }
    for (size_t b = fields[0]; b <= fields[1]; b *= fields[2]) {
      list.push_back(b);
    }
  }
  if (list.empty()) {
    return Errorf(Code::kInvalidArgument, "\"%s\" names no size", text.c_str());
  }
  return list;
}

std::string FormatBytes(size_t bytes) {
  static const char* const kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes);
  int unit = 0;
  while (value >= 1024 && unit < 4) {
    value /= 1024;
    ++unit;
  }
  char text[40];
  snprintf(text, sizeof(text),
           value == static_cast<size_t>(value) ? "%.0f %s" : "%.2f %s", value,
           kUnits[unit]);
  return text;
}

}  // namespace ithaca::perf
