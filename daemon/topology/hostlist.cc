#include "daemon/topology/hostlist.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "daemon/topology/slots.h"

namespace ithaca::topology {
namespace {

// More digits cannot be counted up in 63 bits.
constexpr size_t kMaxDigits = 18;

bool IsNumber(absl::string_view text) {
  return !text.empty() && text.size() <= kMaxDigits &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return absl::ascii_isdigit(static_cast<unsigned char>(c));
         });
}

absl::Status Bad(absl::string_view item, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat(
      "\"", item.substr(0, 80), "\" ", why, "; write e.g. node[001-128,130]"));
}

std::string Padded(uint64_t number, size_t width) {
  const std::string digits = absl::StrCat(number);
  return std::string(width > digits.size() ? width - digits.size() : 0, '0') +
         digits;
}

// "001-003,7" as "001", "002", "003", "7".
absl::StatusOr<std::vector<std::string>> ExpandRanges(absl::string_view text,
                                                      size_t most) {
  std::vector<std::string> numbers;
  for (absl::string_view part : absl::StrSplit(text, ',')) {
    const std::vector<absl::string_view> ends = absl::StrSplit(part, '-');
    uint64_t low = 0, high = 0;
    if (ends.size() > 2 || !IsNumber(ends.front()) || !IsNumber(ends.back()) ||
        !absl::SimpleAtoi(ends.front(), &low) ||
        !absl::SimpleAtoi(ends.back(), &high)) {
      return Bad(part, "is not a range of numbers");
    }
    if (high < low) return Bad(part, "counts down");
    if (high - low >= most - numbers.size()) {
      return Bad(part, absl::StrCat("makes more than ", most, " names"));
    }
    for (uint64_t n = low; n <= high; ++n) {
      numbers.push_back(Padded(n, ends.front().size()));
    }
  }
  return numbers;
}

// Appends to `names` all names of one item without commas outside brackets.
absl::Status ExpandItem(absl::string_view item, size_t most,
                        std::vector<std::string>& names) {
  std::vector<std::string> made = {""};
  for (absl::string_view rest = item; !rest.empty();) {
    const size_t open = rest.find_first_of("[]");
    for (std::string& name : made) absl::StrAppend(&name, rest.substr(0, open));
    if (open == absl::string_view::npos) break;
    const size_t close = rest.find_first_of("[]", open + 1);
    if (rest[open] == ']' || close == absl::string_view::npos ||
        rest[close] == '[') {
      return Bad(item, "has brackets that do not match");
    }
    auto numbers = ExpandRanges(rest.substr(open + 1, close - open - 1), most);
    if (!numbers.ok()) return numbers.status();
    if (numbers->size() > most / made.size()) {
      return Bad(item, absl::StrCat("makes more than ", most, " names"));
    }
    std::vector<std::string> longer;
    longer.reserve(made.size() * numbers->size());
    for (const std::string& name : made) {
      for (const std::string& number : *numbers)
        longer.push_back(name + number);
    }
    made = std::move(longer);
    if (made.front().size() > kMaxNodeNameBytes) break;
    rest.remove_prefix(close + 1);
  }
  for (const std::string& name : made) {
    if (name.empty()) return Bad(item, "holds an empty name");
    if (name.size() > kMaxNodeNameBytes) return Bad(item, "is too long a name");
  }
  if (made.size() > most - names.size()) {
    return Bad(item, absl::StrCat("makes more than ", most, " names"));
  }
  names.insert(names.end(), std::make_move_iterator(made.begin()),
               std::make_move_iterator(made.end()));
  return absl::OkStatus();
}

// A name as what stands before its last number, the number, and what is after.
struct Numbered {
  absl::string_view before;
  absl::string_view digits;
  absl::string_view after;
};

Numbered Split(absl::string_view name) {
  size_t end = name.size();
  while (end > 0 &&
         !absl::ascii_isdigit(static_cast<unsigned char>(name[end - 1])))
    --end;
  size_t begin = end;
  while (begin > 0 && end - begin < kMaxDigits &&
         absl::ascii_isdigit(static_cast<unsigned char>(name[begin - 1])))
    --begin;
  return {name.substr(0, begin), name.substr(begin, end - begin),
          name.substr(end)};
}

// Whether `next` comes right after `last` in one range that begins with
// `first`.
bool Follows(const Numbered& first, const Numbered& last,
             const Numbered& next) {
  uint64_t a = 0, b = 0;
  return !next.digits.empty() && next.before == first.before &&
         next.after == first.after && absl::SimpleAtoi(last.digits, &a) &&
         absl::SimpleAtoi(next.digits, &b) && b == a + 1 &&
         next.digits == Padded(b, first.digits.size());
}

}  // namespace

absl::StatusOr<std::vector<std::string>> ExpandHostlist(absl::string_view text,
                                                        size_t most) {
  std::vector<std::string> names;
  size_t begin = 0;
  bool inside = false;
  for (size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size()) {
      if (text[i] == '[') inside = true;
      if (text[i] == ']') inside = false;
      if (text[i] != ',' || inside) continue;
    }
    const absl::string_view item =
        absl::StripAsciiWhitespace(text.substr(begin, i - begin));
    begin = i + 1;
    if (item.empty()) return Bad(text, "holds an empty name");
    if (absl::Status s = ExpandItem(item, most, names); !s.ok()) return s;
  }
  return names;
}

std::string CompressHostlist(const std::vector<std::string>& names) {
  std::vector<std::string> items;
  for (size_t i = 0; i < names.size();) {
    const Numbered first = Split(names[i]);
    Numbered last = first;
    size_t end = i + 1;
    for (; end < names.size(); ++end) {
      const Numbered next = Split(names[end]);
      if (!Follows(first, last, next)) break;
      last = next;
    }
    items.push_back(end - i == 1
                        ? names[i]
                        : absl::StrCat(first.before, "[", first.digits, "-",
                                       last.digits, "]", first.after));
    i = end;
  }
  return absl::StrJoin(items, ",");
}

}  // namespace ithaca::topology
