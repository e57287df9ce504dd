#include "plugin/perf/counts.h"

#include <cstdint>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

namespace ithaca::perf {
namespace {

using nlohmann::json;

constexpr size_t kMaxRanks = 4096;
constexpr uint64_t kMaxBytes = uint64_t{1} << 40;

Status Bad(const std::string& what) {
  return Status(Code::kInvalidArgument, what);
}

// A number, or a string of digits as proto3 JSON writes 64-bit integers.
bool ToCount(const json& value, uint64_t* count) {
  if (value.is_number_unsigned()) {
    *count = value.get<uint64_t>();
  } else if (value.is_string()) {
    const std::string& text = value.get_ref<const std::string&>();
    if (text.empty() || text.size() > 19 ||
        text.find_first_not_of("0123456789") != text.npos) {
      return false;
    }
    *count = std::stoull(text);
  } else {
    return false;
  }
  return *count <= kMaxBytes;
}

StatusOr<Counts> ParseMatrix(const json& rows) {
  const size_t n = rows.size();
  if (n < 1 || n > kMaxRanks) return Bad("the matrix of counts has no row");
  Counts counts(n, std::vector<size_t>(n));
  for (size_t s = 0; s < n; ++s) {
    if (!rows[s].is_array() || rows[s].size() != n) {
      return Bad("row " + std::to_string(s) + " of the counts does not have " +
                 std::to_string(n) + " entries; the matrix must be square");
    }
    for (size_t r = 0; r < n; ++r) {
      uint64_t count = 0;
      if (!ToCount(rows[s][r], &count)) {
        return Bad("the count from rank " + std::to_string(s) + " to rank " +
                   std::to_string(r) + " is not a number of bytes");
      }
      counts[s][r] = count;
    }
  }
  return counts;
}

// proto3 JSON may use either spelling of a field.
const json* Field(const json& object, const char* camel, const char* snake) {
  if (!object.is_object()) return nullptr;
  for (const char* name : {camel, snake}) {
    const auto found = object.find(name);
    if (found != object.end()) return &*found;
  }
  return nullptr;
}

StatusOr<size_t> ElementBytes(const json& plan) {
  const json* workload = Field(plan, "workload", "workload");
  const json* type =
      workload == nullptr ? nullptr : Field(*workload, "dataType", "data_type");
  const std::map<std::string, size_t> sizes = {
      {"DATA_TYPE_FP32", 4}, {"DATA_TYPE_BF16", 2}, {"DATA_TYPE_FP16", 2}};
  if (type != nullptr && type->is_string()) {
    const auto found = sizes.find(type->get<std::string>());
    if (found != sizes.end()) return found->second;
  }
  return Bad(
      "the plan's workload.dataType is none of DATA_TYPE_FP32, "
      "DATA_TYPE_BF16, DATA_TYPE_FP16");
}

// The ranks of each Ulysses group, in the order of their index.
StatusOr<std::vector<std::vector<size_t>>> Groups(const json& plan, size_t n) {
  const json* groups = Field(plan, "ulyssesGroups", "ulysses_groups");
  std::vector<std::vector<size_t>> all;
  if (groups == nullptr || !groups->is_array()) {
    return Bad("the plan has no ulyssesGroups");
  }
  for (const json& group : *groups) {
    const json* ranks = Field(group, "ranks", "ranks");
    if (ranks == nullptr || !ranks->is_array()) {
      return Bad("a Ulysses group of the plan has no ranks");
    }
    all.emplace_back();
    for (const json& rank : *ranks) {
      uint64_t number = 0;
      if (!ToCount(rank, &number) || number >= n) {
        return Bad("a Ulysses group names a rank that the plan does not have");
      }
      all.back().push_back(number);
    }
  }
  return all;
}

Status AddRank(const json& entry, const std::string& exchange,
               const std::vector<std::vector<size_t>>& groups,
               size_t element_bytes, size_t index, Counts* counts) {
  const std::string who = "rank " + std::to_string(index) + " of the plan";
  uint64_t group = 0, number = 0;
  const json* value = Field(entry, "ulyssesGroup", "ulysses_group");
  // proto3 JSON leaves zeros out.
  if (value != nullptr && !ToCount(*value, &group)) return Bad(who);
  value = Field(entry, "rank", "rank");
  if (value != nullptr && !ToCount(*value, &number)) return Bad(who);
  if (group >= groups.size() || number >= counts->size()) {
    return Bad(who + " has a group or number that does not exist");
  }
  const json* list = exchange == "seq_to_heads"
                         ? Field(entry, "seqToHeads", "seq_to_heads")
                         : Field(entry, "headsToSeq", "heads_to_seq");
  const json* send = list == nullptr ? nullptr : Field(*list, "send", "send");
  if (send == nullptr || !send->is_array() ||
      send->size() != groups[group].size()) {
    return Bad(who + " has no " + exchange + ".send for each group member");
  }
  for (size_t i = 0; i < send->size(); ++i) {
    uint64_t elements = 0;
    if (!ToCount((*send)[i], &elements)) return Bad(who + ": a bad count");
    (*counts)[number][groups[group][i]] = elements * element_bytes;
  }
  return Status();
}

StatusOr<Counts> ParsePlan(const json& plan, const std::string& exchange) {
  const json* ranks = Field(plan, "ranks", "ranks");
  if (ranks == nullptr || !ranks->is_array() || ranks->empty() ||
      ranks->size() > kMaxRanks) {
    return Bad("the counts are neither a matrix of bytes nor a plan");
  }
  auto element_bytes = ElementBytes(plan);
  if (!element_bytes.ok()) return element_bytes.status();
  const size_t n = ranks->size();
  auto groups = Groups(plan, n);
  if (!groups.ok()) return groups.status();
  Counts counts(n, std::vector<size_t>(n));
  for (size_t i = 0; i < n; ++i) {
    ITHACA_RETURN_IF_ERROR(
        AddRank((*ranks)[i], exchange, *groups, *element_bytes, i, &counts));
  }
  return counts;
}

}  // namespace

StatusOr<Counts> ParseCounts(const std::string& text,
                             const std::string& exchange) {
  const json parsed = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (parsed.is_discarded()) return Bad("the counts are not JSON");
  if (parsed.is_array()) return ParseMatrix(parsed);
  const json* plans = Field(parsed, "plans", "plans");
  if (plans != nullptr && plans->is_array() && !plans->empty()) {
    return ParsePlan((*plans)[0], exchange);
  }
  const json* plan = Field(parsed, "plan", "plan");
  return ParsePlan(plan == nullptr ? parsed : *plan, exchange);
}

StatusOr<Counts> ReadCounts(const std::string& path,
                            const std::string& exchange) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  if (!file) {
    return Status(Code::kInvalidArgument, "cannot read --counts " + path);
  }
  auto counts = ParseCounts(text.str(), exchange);
  if (counts.ok()) return counts;
  return Errorf(counts.status().code(), "%s: %s", path.c_str(),
                counts.status().message().c_str());
}

}  // namespace ithaca::perf
