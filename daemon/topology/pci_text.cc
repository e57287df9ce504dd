#include "daemon/topology/pci_text.h"

#include <bitset>
#include <cmath>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace ithaca::topology {
namespace {

constexpr size_t kMaxCpus = 4096;
constexpr size_t kWordBits = 32;

using CpuSet = std::bitset<kMaxCpus>;

bool IsHex(absl::string_view text, size_t low, size_t high) {
  if (text.size() < low || text.size() > high) return false;
  for (char c : text)
    if (!absl::ascii_isxdigit(static_cast<unsigned char>(c))) return false;
  return true;
}

std::string ListOf(const CpuSet& cpus) {
  std::vector<std::string> ranges;
  for (size_t i = 0; i < kMaxCpus; ++i) {
    if (!cpus[i]) continue;
    size_t end = i;
    while (end + 1 < kMaxCpus && cpus[end + 1]) ++end;
    ranges.push_back(i == end ? absl::StrCat(i) : absl::StrCat(i, "-", end));
    i = end;
  }
  return absl::StrJoin(ranges, ",");
}

}  // namespace

std::string NormalPciAddress(absl::string_view text) {
  const std::string lower = absl::AsciiStrToLower(text);
  const std::vector<absl::string_view> parts = absl::StrSplit(lower, ':');
  if (parts.size() != 3) return lower;
  absl::string_view domain = parts[0];
  std::vector<absl::string_view> device = absl::StrSplit(parts[2], '.');
  if (device.size() == 1) device.push_back("0");
  while (domain.size() > 4 && domain[0] == '0') domain.remove_prefix(1);
  if (!IsHex(domain, 1, 8) || !IsHex(parts[1], 1, 2) || device.size() != 2 ||
      !IsHex(device[0], 1, 2) || !IsHex(device[1], 1, 1)) {
    return lower;
  }
  const auto padded = [](absl::string_view digits, size_t width) {
    return std::string(width > digits.size() ? width - digits.size() : 0, '0') +
           std::string(digits);
  };
  return absl::StrCat(padded(domain, 4), ":", padded(parts[1], 2), ":",
                      padded(device[0], 2), ".", device[1]);
}

void SetPciLink(absl::string_view speed, absl::string_view width,
                v1::PciLink& link) {
  const size_t unit = speed.find(" GT/s");
  double rate = 0;
  if (unit != absl::string_view::npos &&
      absl::SimpleAtod(speed.substr(0, unit), &rate) && rate > 0 &&
      rate <= 1000) {
    link.set_megatransfers_per_second(
        static_cast<uint32_t>(std::lround(rate * 1000)));
  }
  const std::optional<uint64_t> lanes = ParseWhole(width);
  if (lanes && *lanes > 0 && *lanes <= 64)
    link.set_lanes(static_cast<uint32_t>(*lanes));
}

std::string PciSpeedText(const v1::PciLink& link) {
  if (!link.has_megatransfers_per_second()) return "";
  // The kernel's form, which NCCL compares with letter by letter.
  return absl::StrFormat("%.1f GT/s PCIe",
                         link.megatransfers_per_second() / 1000.0);
}

std::string CpuListOfMask(absl::string_view mask) {
  std::vector<absl::string_view> words = absl::StrSplit(mask, ',');
  if (words.size() > kMaxCpus / kWordBits) return "";
  CpuSet cpus;
  for (size_t w = 0; w < words.size(); ++w) {
    absl::string_view word = absl::StripAsciiWhitespace(words[w]);
    absl::ConsumePrefix(&word, "0x");
    uint32_t bits = 0;
    // hwloc leaves empty words out between commas.
    if (!word.empty() &&
        (!IsHex(word, 1, 8) || !absl::SimpleHexAtoi(word, &bits))) {
      return "";
    }
    const size_t base = (words.size() - 1 - w) * kWordBits;
    for (size_t b = 0; b < kWordBits; ++b)
      if ((bits >> b & 1u) != 0) cpus.set(base + b);
  }
  return ListOf(cpus);
}

std::string MaskOfCpuList(absl::string_view list) {
  CpuSet cpus;
  size_t highest = 0;
  for (absl::string_view range : absl::StrSplit(list, ',')) {
    const std::vector<absl::string_view> ends = absl::StrSplit(range, '-');
    const auto low = ParseWhole(ends.front());
    const auto high = ParseWhole(ends.back());
    if (ends.size() > 2 || !low || !high || *high < *low || *high >= kMaxCpus)
      return "";
    for (size_t i = *low; i <= *high; ++i) cpus.set(i);
    highest = std::max<size_t>(highest, *high);
  }
  std::vector<std::string> words;
  for (size_t w = highest / kWordBits + 1; w-- > 0;) {
    uint32_t bits = 0;
    for (size_t b = 0; b < kWordBits; ++b)
      bits |= static_cast<uint32_t>(cpus[w * kWordBits + b]) << b;
    words.push_back(absl::StrFormat("%08x", bits));
  }
  return absl::StrJoin(words, ",");
}

std::optional<uint64_t> ParseWhole(absl::string_view text) {
  uint64_t number = 0;
  if (absl::ConsumePrefix(&text, "0x") || absl::ConsumePrefix(&text, "0X")) {
    if (!IsHex(text, 1, 16) || !absl::SimpleHexAtoi(text, &number))
      return std::nullopt;
    return number;
  }
  if (text.empty() ||
      text.find_first_not_of("0123456789") != absl::string_view::npos ||
      !absl::SimpleAtoi(text, &number)) {
    return std::nullopt;
  }
  return number;
}

}  // namespace ithaca::topology
