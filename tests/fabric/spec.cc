#include "tests/fabric/spec.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>
#include <sstream>

namespace ithaca::fabric {
namespace {

using Settings = std::map<std::string, std::string>;

constexpr char kKeys[] =
    "hosts rails procs rate queue burst nic_queue gso cc pods uplink "
    "hostH.rate hostH.railR.rate podP.uplink podP.railR.uplink";
constexpr uint64_t kMaxRate = 400'000'000'000;
constexpr uint64_t kMinRate = 64'000;
constexpr size_t kMaxText = 64 << 10;

Status Bad(const std::string& key, const std::string& value,
           const std::string& want) {
  return Status(Code::kInvalidArgument, key + "=" + value + ": " + want);
}

// "1.5x" into 1.5 and "x"; false when it starts with no number.
bool SplitNumber(const std::string& text, double* number, std::string* unit) {
  if (text.empty() || text[0] < '0' || text[0] > '9') return false;
  const size_t end = text.find_first_not_of("0123456789.");
  const std::string digits = text.substr(0, end);
  if (digits.size() > 15 || std::count(digits.begin(), digits.end(), '.') > 1) {
    return false;
  }
  *number = strtod(digits.c_str(), nullptr);
  *unit = end == text.npos ? "" : text.substr(end);
  return true;
}

StatusOr<int> ParseInt(const std::string& text, int low, int high) {
  const bool digits = !text.empty() && text.size() <= 9 &&
                      text.find_first_not_of("0123456789") == text.npos;
  const int number = digits ? atoi(text.c_str()) : -1;
  if (digits && number >= low && number <= high) return number;
  return Errorf(Code::kInvalidArgument, "want a number, %d to %d", low, high);
}

std::string Trim(const std::string& text) {
  const size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == text.npos) return "";
  return text.substr(begin, text.find_last_not_of(" \t\r\n") + 1 - begin);
}

Status Put(const std::string& key, const std::string& value, Settings* out) {
  if (out->emplace(key, value).second) return Status();
  return Bad(key, value, "is given twice");
}

StatusOr<Settings> ReadCompact(const std::string& text) {
  Settings settings;
  std::stringstream items(text);
  std::string item;
  while (std::getline(items, item, ',')) {
    item = Trim(item);
    if (item.empty()) continue;
    const size_t equals = item.find('=');
    if (equals == item.npos) {
      return Errorf(Code::kInvalidArgument,
                    "\"%s\" is neither KEY=VALUE nor a file that can be read",
                    item.c_str());
    }
    ITHACA_RETURN_IF_ERROR(Put(Trim(item.substr(0, equals)),
                               Trim(item.substr(equals + 1)), &settings));
  }
  return settings;
}

// Pods may be a list; everything else is a string or a number.
StatusOr<std::string> ScalarText(const std::string& key,
                                 const nlohmann::json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number_unsigned()) return value.dump();
  if (value.is_array() && key == "pods") {
    std::string text;
    for (const auto& size : value) {
      text += (text.empty() ? "" : "+") + size.dump();
    }
    return text;
  }
  return Bad(key, value.dump(), "want a string or a number");
}

StatusOr<Settings> ReadJson(const std::string& text) {
  const auto parsed = nlohmann::json::parse(text, nullptr, false);
  if (!parsed.is_object()) {
    return Status(Code::kInvalidArgument,
                  "not a JSON object such as {\"hosts\": 8, \"rate\": "
                  "\"200mbit\"}");
  }
  Settings settings;
  for (const auto& item : parsed.items()) {
    auto value = ScalarText(item.key(), item.value());
    if (!value.ok()) return value.status();
    ITHACA_RETURN_IF_ERROR(Put(item.key(), *value, &settings));
  }
  return settings;
}

// Removes `key` from the settings; whether it was there.
bool Take(Settings* settings, const std::string& key, std::string* value) {
  const auto found = settings->find(key);
  if (found == settings->end()) return false;
  *value = found->second;
  settings->erase(found);
  return true;
}

Status TakeInt(Settings* settings, const char* key, int low, int high,
               int* out) {
  std::string value;
  if (!Take(settings, key, &value)) return Status();
  auto number = ParseInt(value, low, high);
  if (!number.ok()) return Bad(key, value, number.status().message());
  *out = *number;
  return Status();
}

Status TakeSize(Settings* settings, const char* key, uint64_t low,
                uint64_t* out) {
  std::string value;
  if (!Take(settings, key, &value)) return Status();
  auto size = ParseSize(value);
  if (!size.ok()) return Bad(key, value, size.status().message());
  if (*size < low || *size > (uint64_t{1} << 30)) {
    return Bad(key, value, "want " + std::to_string(low) + " bytes to 1g");
  }
  *out = *size;
  return Status();
}

// `key` sets every rate in [first, last).
template <typename Iterator>
Status TakeRate(Settings* settings, const std::string& key, Iterator first,
                Iterator last) {
  std::string value;
  if (!Take(settings, key, &value)) return Status();
  auto rate = ParseRate(value);
  if (!rate.ok()) return Bad(key, value, rate.status().message());
  std::fill(first, last, *rate);
  return Status();
}

// `all`, then NAMEi.`all`, then NAMEi.railR.`all`: the closer one wins.
Status TakeRates(Settings* settings, const std::string& name,
                 const std::string& all,
                 std::vector<std::vector<uint64_t>>* rates) {
  std::vector<uint64_t> common(rates->front().size(), 0);
  ITHACA_RETURN_IF_ERROR(TakeRate(settings, all, common.begin(), common.end()));
  for (size_t i = 0; i < rates->size(); ++i) {
    std::vector<uint64_t>& row = (*rates)[i];
    row = common;
    const std::string prefix = name + std::to_string(i);
    ITHACA_RETURN_IF_ERROR(
        TakeRate(settings, prefix + "." + all, row.begin(), row.end()));
    for (size_t r = 0; r < row.size(); ++r) {
      const std::string key = prefix + ".rail" + std::to_string(r) + "." + all;
      ITHACA_RETURN_IF_ERROR(
          TakeRate(settings, key, row.begin() + r, row.begin() + r + 1));
    }
  }
  return Status();
}

Status TakePods(Settings* settings, Spec* spec) {
  spec->pods = {spec->hosts};
  std::string value;
  if (!Take(settings, "pods", &value)) return Status();
  spec->pods.clear();
  std::stringstream sizes(value);
  std::string size;
  while (std::getline(sizes, size, '+')) {
    auto number = ParseInt(size, 1, kMaxHosts);
    if (!number.ok()) {
      return Bad("pods", value, "want the hosts of each pod, such as 4+4");
    }
    spec->pods.push_back(*number);
  }
  const int sum = std::accumulate(spec->pods.begin(), spec->pods.end(), 0);
  if (sum == spec->hosts) return Status();
  return Bad("pods", value,
             "holds " + std::to_string(sum) +
                 " hosts, and hosts=" + std::to_string(spec->hosts));
}

Status TakeCongestion(Settings* settings, Spec* spec) {
  std::string value;
  if (!Take(settings, "cc", &value)) return Status();
  const bool word = !value.empty() && value.size() < 16 &&
                    value.find_first_not_of(
                        "abcdefghijklmnopqrstuvwxyz0123456"
                        "789_-") == value.npos;
  if (!word) return Bad("cc", value, "want the name of a congestion control");
  spec->congestion = value;
  return Status();
}

StatusOr<Spec> Build(Settings settings) {
  Spec spec;
  ITHACA_RETURN_IF_ERROR(
      TakeInt(&settings, "hosts", 1, kMaxHosts, &spec.hosts));
  ITHACA_RETURN_IF_ERROR(
      TakeInt(&settings, "rails", 1, kMaxRails, &spec.rails));
  ITHACA_RETURN_IF_ERROR(
      TakeInt(&settings, "procs", 1, kMaxProcs, &spec.procs));
  ITHACA_RETURN_IF_ERROR(TakeSize(&settings, "queue", 3000, &spec.queue_bytes));
  ITHACA_RETURN_IF_ERROR(TakeSize(&settings, "burst", 3000, &spec.burst_bytes));
  ITHACA_RETURN_IF_ERROR(
      TakeSize(&settings, "nic_queue", 3000, &spec.nic_queue_bytes));
  ITHACA_RETURN_IF_ERROR(TakeSize(&settings, "gso", 0, &spec.gso_bytes));
  ITHACA_RETURN_IF_ERROR(TakeCongestion(&settings, &spec));
  ITHACA_RETURN_IF_ERROR(TakePods(&settings, &spec));
  const std::vector<uint64_t> unshaped(spec.rails, 0);
  spec.rate_bps.assign(spec.hosts, unshaped);
  spec.uplink_bps.assign(spec.pods.size(), unshaped);
  ITHACA_RETURN_IF_ERROR(TakeRates(&settings, "host", "rate", &spec.rate_bps));
  const bool many = spec.pods.size() > 1;
  if (many || settings.count("uplink") == 0) {
    ITHACA_RETURN_IF_ERROR(
        TakeRates(&settings, "pod", "uplink", &spec.uplink_bps));
  }
  if (settings.empty()) return spec;
  const auto& [key, value] = *settings.begin();
  if (key == "uplink") return Bad(key, value, "needs pods, such as pods=4+4");
  return Bad(key, value,
             std::string("no such key, host, pod or rail; there are ") + kKeys);
}

std::string RateText(uint64_t bps) {
  if (bps % 1'000'000 == 0) return std::to_string(bps / 1'000'000) + "mbit";
  return std::to_string(bps) + "bit";
}

}  // namespace

int Spec::PodOfHost(int host) const {
  int pod = 0;
  for (int first = 0; host >= first + pods[pod]; ++pod) first += pods[pod];
  return pod;
}

std::string Spec::ToString() const {
  std::string text =
      "hosts=" + std::to_string(hosts) + ",rails=" + std::to_string(rails) +
      ",procs=" + std::to_string(procs) +
      ",queue=" + std::to_string(queue_bytes) +
      ",burst=" + std::to_string(burst_bytes) +
      ",nic_queue=" + std::to_string(nic_queue_bytes) +
      ",gso=" + std::to_string(gso_bytes) + ",cc=" + congestion + ",pods=";
  for (size_t p = 0; p < pods.size(); ++p) {
    text += (p == 0 ? "" : "+") + std::to_string(pods[p]);
  }
  auto add = [&text](const std::string& name, const std::string& what,
                     const std::vector<std::vector<uint64_t>>& rates) {
    const uint64_t common = rates[0][0];
    text += "," + what + "=" + RateText(common);
    for (size_t i = 0; i < rates.size(); ++i) {
      for (size_t r = 0; r < rates[i].size(); ++r) {
        if (rates[i][r] == common) continue;
        text += "," + name + std::to_string(i) + ".rail" + std::to_string(r) +
                "." + what + "=" + RateText(rates[i][r]);
      }
    }
  };
  add("host", "rate", rate_bps);
  if (pods.size() > 1) add("pod", "uplink", uplink_bps);
  return text;
}

StatusOr<Spec> ParseSpec(const std::string& text) {
  if (text.size() > kMaxText) {
    return Errorf(Code::kInvalidArgument, "a spec of %zu bytes; at most %zu",
                  text.size(), kMaxText);
  }
  const std::string trimmed = Trim(text);
  auto settings = !trimmed.empty() && trimmed[0] == '{' ? ReadJson(trimmed)
                                                        : ReadCompact(trimmed);
  if (!settings.ok()) return settings.status();
  return Build(std::move(settings).value());
}

StatusOr<Spec> ReadSpec(const std::string& argument) {
  std::ifstream file(argument);
  if (!file) return ParseSpec(argument);
  std::string text(kMaxText + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(file.gcount());
  auto spec = ParseSpec(text);
  if (spec.ok()) return spec;
  return Errorf(spec.status().code(), "%s: %s", argument.c_str(),
                spec.status().message().c_str());
}

StatusOr<uint64_t> ParseRate(const std::string& text) {
  static const std::map<std::string, double> kUnits = {
      {"bit", 1}, {"kbit", 1e3}, {"mbit", 1e6}, {"gbit", 1e9}};
  double number = 0;
  std::string unit;
  const bool good = SplitNumber(text, &number, &unit);
  if (good && number == 0) return uint64_t{0};
  const auto scale = kUnits.find(unit);
  const double bps =
      good && scale != kUnits.end() ? std::round(number * scale->second) : 0;
  if (bps >= kMinRate && bps <= kMaxRate) return static_cast<uint64_t>(bps);
  return Status(Code::kInvalidArgument,
                "want a rate such as 200mbit, 64kbit to 400gbit, or 0 for no "
                "shaping");
}

StatusOr<uint64_t> ParseSize(const std::string& text) {
  static const std::map<std::string, int> kShifts = {
      {"", 0}, {"k", 10}, {"m", 20}, {"g", 30}};
  double number = 0;
  std::string unit;
  const bool good = SplitNumber(text, &number, &unit);
  const auto shift = kShifts.find(unit);
  if (good && shift != kShifts.end() && number <= 1e12) {
    return static_cast<uint64_t>(std::ldexp(number, shift->second));
  }
  return Status(Code::kInvalidArgument,
                "want a size such as 64k, 1m or 1500 (powers of 1024)");
}

}  // namespace ithaca::fabric
