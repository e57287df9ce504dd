#include "daemon/cluster/caller_header.h"

#include <algorithm>
#include <limits>

#include "absl/strings/str_cat.h"

namespace ithaca::cluster {
namespace {

constexpr size_t kMaxNodeName = 253;
// The kernel's "nobody": no process has it.
constexpr uint32_t kNoId = std::numeric_limits<uint32_t>::max();

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Takes a decimal number and the comma after it off the front of `text`.
std::optional<uint32_t> TakeNumber(std::string_view* text) {
  const size_t comma = text->find(',');
  if (comma == 0 || comma > 10) return std::nullopt;  // npos too
  const std::string_view digits = text->substr(0, comma);
  text->remove_prefix(comma + 1);
  if (digits.size() > 1 && digits[0] == '0') return std::nullopt;
  uint64_t value = 0;
  for (const char c : digits) {
    if (!IsDigit(c)) return std::nullopt;
    value = value * 10 + static_cast<uint64_t>(c - '0');
  }
  if (value >= kNoId) return std::nullopt;
  return static_cast<uint32_t>(value);
}

}  // namespace

bool IsNodeName(std::string_view name) {
  const auto good = [](char c) {
    return IsDigit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           c == '.' || c == '_' || c == '-';
  };
  return !name.empty() && name.size() <= kMaxNodeName &&
         std::all_of(name.begin(), name.end(), good);
}

std::string EncodeCaller(const RemoteCaller& caller) {
  return absl::StrCat(caller.uid, ",", caller.gid, ",", caller.pid, ",",
                      caller.node);
}

std::optional<RemoteCaller> ParseCaller(std::string_view text) {
  const auto uid = TakeNumber(&text);
  if (!uid.has_value()) return std::nullopt;
  const auto gid = TakeNumber(&text);
  if (!gid.has_value()) return std::nullopt;
  const auto pid = TakeNumber(&text);
  if (!pid.has_value() || !IsNodeName(text)) return std::nullopt;
  return RemoteCaller{*uid, *gid, *pid, std::string(text)};
}

}  // namespace ithaca::cluster
