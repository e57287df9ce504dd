#include "plugin/core/options.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <limits>
#include <string_view>
#include <vector>

namespace ithaca {
namespace {

// A variable: its name, what values it takes, and how it is read into Options.
struct Variable {
  std::string_view name;
  const char* legal;
  std::function<bool(const std::string& value, Options* options)> parse;
};

bool ParseNumber(const std::string& text, uint64_t low, uint64_t high,
                 uint64_t* value) {
  if (text.empty() || !isdigit(static_cast<unsigned char>(text[0])))
    return false;
  char* end = nullptr;
  errno = 0;
  *value = strtoull(text.c_str(), &end, 10);
  return errno == 0 && *end == '\0' && *value >= low && *value <= high;
}

Variable Size(std::string_view name, const char* legal, uint64_t low,
              uint64_t high, size_t Options::*field) {
  return {name, legal, [=](const std::string& value, Options* options) {
            uint64_t number;
            if (!ParseNumber(value, low, high, &number)) return false;
            options->*field = number;
            return true;
          }};
}

const std::vector<Variable>& Variables() {
  static const auto* const variables = new std::vector<Variable>{
      {"ITHACA_RAILS", "auto, or interface names: eth0,eth1",
       [](const std::string& value, Options* options) {
         options->rails = value;
         return !value.empty() && value.front() != ',' && value.back() != ',' &&
                value.find(",,") == std::string::npos;
       }},
      {"ITHACA_DEVICES", "fused or split",
       [](const std::string& value, Options* options) {
         options->devices = value == "split" ? Options::Devices::kSplit
                                             : Options::Devices::kFused;
         return value == "split" || value == "fused";
       }},
      {"ITHACA_LANES", "auto, ucx or socket",
       [](const std::string& value, Options* options) {
         options->lanes = value == "ucx"      ? Options::Lanes::kUcx
                          : value == "socket" ? Options::Lanes::kSocket
                                              : Options::Lanes::kAuto;
         return value == "ucx" || value == "socket" || value == "auto";
       }},
      {"ITHACA_SHM", "0 or 1",
       [](const std::string& value, Options* options) {
         options->shm = value == "1";
         return value == "1" || value == "0";
       }},
      {"ITHACA_PEER_TIMEOUT", "seconds, 1 to 3600",
       [](const std::string& value, Options* options) {
         uint64_t number;
         if (!ParseNumber(value, 1, 3600, &number)) return false;
         options->peer_timeout_s = number;
         return true;
       }},
      Size("ITHACA_EAGER_BYTES", "bytes, 0 to 65536", 0, 65536,
           &Options::eager_bytes),
      Size("ITHACA_FRAGMENT_BYTES", "bytes, 1024 to 16777216", 1024, 16 << 20,
           &Options::fragment_bytes),
      Size("ITHACA_WINDOW_BYTES", "bytes, at least 1024", 1024,
           std::numeric_limits<int64_t>::max(), &Options::window_bytes),
      {"ITHACA_RUN_DIR", "a folder",
       [](const std::string& value, Options* options) {
         options->run_dir = value;
         return !value.empty();
       }},
  };
  return *variables;
}

// Levenshtein distance, to suggest the name that was meant.
size_t Distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t above = row[j];
      row[j] = std::min(
          {above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1])});
      diagonal = above;
    }
  }
  return row[b.size()];
}

Status Unknown(std::string_view name) {
  const auto& variables = Variables();
  const auto nearest =
      std::min_element(variables.begin(), variables.end(),
                       [&](const Variable& a, const Variable& b) {
                         return Distance(name, a.name) < Distance(name, b.name);
                       });
  return Errorf(Code::kInvalidArgument,
                "unknown variable %.*s; did you mean %.*s? Unset it otherwise",
                static_cast<int>(name.size()), name.data(),
                static_cast<int>(nearest->name.size()), nearest->name.data());
}

}  // namespace

StatusOr<Options> Options::FromEnvironment(const char* const* environment) {
  Options options;
  for (; environment != nullptr && *environment != nullptr; ++environment) {
    const std::string_view entry(*environment);
    const size_t equals = entry.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string_view name = entry.substr(0, equals);
    const std::string value(entry.substr(equals + 1));
    if (name == "NCCL_SOCKET_IFNAME") options.socket_ifname = value;
    if (name == "NCCL_HOSTID") options.host_id = value;
    if (name.substr(0, 7) != "ITHACA_") continue;
    const auto& variables = Variables();
    const auto variable =
        std::find_if(variables.begin(), variables.end(),
                     [&](const Variable& v) { return v.name == name; });
    if (variable == variables.end()) return Unknown(name);
    if (!variable->parse(value, &options))
      return Errorf(Code::kInvalidArgument, "%s is \"%s\"; legal: %s",
                    std::string(name).c_str(), value.c_str(), variable->legal);
  }
  return options;
}

}  // namespace ithaca
