#include "daemon/topology/quantity.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace ithaca::topology {
namespace {

__extension__ using Wide = unsigned __int128;

struct Suffix {
  const char* name;
  uint64_t factor;
};

constexpr uint64_t kKilo = 1000;
constexpr uint64_t kMaxValue = uint64_t{1} << 63;

// The suffixes of a unit, small to large. Those of one factor: the first is the
// one written.
const std::vector<Suffix>& SuffixesOf(Unit unit) {
  static const auto* const bytes =
      new std::vector<Suffix>{{"B", 1},
                              {"KB", kKilo},
                              {"KiB", uint64_t{1} << 10},
                              {"MB", kKilo * kKilo},
                              {"MiB", uint64_t{1} << 20},
                              {"GB", kKilo * kKilo * kKilo},
                              {"GiB", uint64_t{1} << 30},
                              {"TB", kKilo * kKilo * kKilo * kKilo},
                              {"TiB", uint64_t{1} << 40},
                              {"PB", kKilo * kKilo * kKilo * kKilo * kKilo},
                              {"PiB", uint64_t{1} << 50}};
  static const auto* const rates = [] {
    static std::vector<std::string> names;
    names.reserve(bytes->size());
    auto* made = new std::vector<Suffix>();
    for (const Suffix& s : *bytes) {
      names.push_back(absl::StrCat(s.name, "/s"));
      made->push_back({names.back().c_str(), s.factor});
    }
    return made;
  }();
  static const auto* const megabits =
      new std::vector<Suffix>{{"Mbps", 1},
                              {"Gbps", kKilo},
                              {"Tbps", kKilo * kKilo},
                              {"Mbit/s", 1},
                              {"Mb/s", 1},
                              {"Gbit/s", kKilo},
                              {"Gb/s", kKilo},
                              {"Tbit/s", kKilo * kKilo},
                              {"Tb/s", kKilo * kKilo}};
  static const auto* const flops = new std::vector<Suffix>{
      {"FLOPS", 1},
      {"KFLOPS", kKilo},
      {"MFLOPS", kKilo * kKilo},
      {"GFLOPS", kKilo * kKilo * kKilo},
      {"TFLOPS", kKilo * kKilo * kKilo * kKilo},
      {"PFLOPS", kKilo * kKilo * kKilo * kKilo * kKilo}};
  switch (unit) {
    case Unit::kBytes:
      return *bytes;
    case Unit::kBytesPerSecond:
      return *rates;
    case Unit::kMegabits:
      return *megabits;
    case Unit::kFlops:
      break;
  }
  return *flops;
}

const char* ExampleOf(Unit unit) {
  switch (unit) {
    case Unit::kBytes:
      return "80GiB";
    case Unit::kBytesPerSecond:
      return "3.35TB/s";
    case Unit::kMegabits:
      return "400Gbps";
    case Unit::kFlops:
      break;
  }
  return "989.4TFLOPS";
}

// Digits with at most one point: the digits as one number, and how many stand
// behind the point.
struct Decimal {
  Wide digits = 0;
  int behind = 0;
};

// Takes the number off the front of `text`; false when there is none.
bool TakeDecimal(absl::string_view& text, Decimal& out) {
  size_t used = 0;
  bool point = false, any = false;
  for (; used < text.size(); ++used) {
    const char c = text[used];
    if (c == '.' && !point) {
      point = true;
      continue;
    }
    if (!absl::ascii_isdigit(static_cast<unsigned char>(c))) break;
    if (out.digits > kMaxValue || out.behind > 18) return false;
    out.digits = out.digits * 10 + static_cast<unsigned>(c - '0');
    out.behind += point ? 1 : 0;
    any = true;
  }
  text.remove_prefix(used);
  return any;
}

}  // namespace

absl::StatusOr<uint64_t> ParseQuantity(absl::string_view text, Unit unit) {
  const absl::string_view whole = text.substr(0, 40);
  const auto bad = [&](absl::string_view why) {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", whole, "\" ", why, "; write e.g. ", ExampleOf(unit)));
  };
  Decimal number;
  if (!TakeDecimal(text, number)) return bad("does not begin with a number");
  text = absl::StripLeadingAsciiWhitespace(text);
  if (text.empty()) return bad("has no unit");
  for (const Suffix& suffix : SuffixesOf(unit)) {
    if (text != suffix.name) continue;
    Wide value = number.digits * suffix.factor;
    for (int i = 0; i < number.behind; ++i) {
      if (value % 10 != 0) return bad("is not whole in the smallest unit");
      value /= 10;
    }
    if (value == 0) return bad("is zero (leave out what is not known)");
    if (value >= kMaxValue) return bad("is too large");
    return static_cast<uint64_t>(value);
  }
  return bad("has a unit that is not known here");
}

std::string QuantityText(uint64_t value, Unit unit) {
  std::string best;
  for (const Suffix& suffix : SuffixesOf(unit)) {
    if (value % suffix.factor != 0) continue;
    std::string text = absl::StrCat(value / suffix.factor, suffix.name);
    if (best.empty() || text.size() < best.size()) best = std::move(text);
  }
  return best;
}

std::string RoundedText(uint64_t value, Unit unit) {
  const Suffix* chosen = nullptr;
  for (const Suffix& suffix : SuffixesOf(unit)) {
    const bool binary = absl::string_view(suffix.name).find('i') == 1;
    const bool fits = suffix.factor <= value || suffix.factor == 1;
    // Memory is counted by 1024, rates by 1000.
    if (fits && (suffix.factor == 1 || binary == (unit == Unit::kBytes)) &&
        (chosen == nullptr || suffix.factor > chosen->factor)) {
      chosen = &suffix;
    }
  }
  const double number =
      static_cast<double>(value) / static_cast<double>(chosen->factor);
  return number < 999.5 ? absl::StrFormat("%.3g%s", number, chosen->name)
                        : absl::StrFormat("%.0f%s", number, chosen->name);
}

}  // namespace ithaca::topology
