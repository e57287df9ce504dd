#include "daemon/cli/args.h"

#include <algorithm>
#include <limits>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace ithaca::cli {
namespace {

// Single-letter edits between two words.
size_t Distance(const std::string& a, const std::string& b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t change = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, change});
    }
  }
  return row[b.size()];
}

absl::Status Unknown(const std::string& word,
                     const std::vector<Option>& options) {
  const size_t start = word.find_first_not_of('-');
  const std::string name = start == std::string::npos ? "" : word.substr(start);
  std::string text = absl::StrCat("unknown option --", name);
  const Option* nearest = nullptr;
  size_t best = 3;
  for (const Option& option : options) {
    const size_t distance = Distance(name, option.name);
    if (distance < best) {
      best = distance;
      nearest = &option;
    }
  }
  if (nearest != nullptr)
    absl::StrAppend(&text, "; did you mean --", nearest->name, "?");
  return absl::InvalidArgumentError(text);
}

const Option* Find(const std::vector<Option>& options,
                   const std::string& word) {
  for (const Option& option : options) {
    const bool long_form = word == "--" + option.name;
    const bool short_form =
        option.letter != 0 && word == std::string("-") + option.letter;
    if (long_form || short_form) return &option;
  }
  return nullptr;
}

bool IsOption(const std::string& word) {
  return word.size() > 1 && word[0] == '-';
}

}  // namespace

absl::StatusOr<Args> Args::Parse(const std::vector<std::string>& line,
                                 const std::vector<Option>& options,
                                 size_t words) {
  Args args;
  for (size_t i = 0; i < line.size(); ++i) {
    if (line[i] == "--") {
      args.words_.insert(args.words_.end(),
                         line.begin() + static_cast<long>(i) + 1, line.end());
      break;
    }
    if (!IsOption(line[i])) {
      args.words_.push_back(line[i]);
      continue;
    }
    const size_t equals = line[i].find('=');
    const std::string name = line[i].substr(0, equals);
    const Option* option = Find(options, name);
    if (option == nullptr) return Unknown(name, options);
    std::string value;
    if (equals != std::string::npos) {
      if (option->value.empty()) {
        return absl::InvalidArgumentError(
            absl::StrCat(name, " takes no value"));
      }
      value = line[i].substr(equals + 1);
    } else if (!option->value.empty()) {
      if (++i == line.size()) {
        return absl::InvalidArgumentError(
            absl::StrCat(name, " needs a value: ", option->value));
      }
      value = line[i];
    }
    if (!args.values_.emplace(option->name, value).second) {
      return absl::InvalidArgumentError(absl::StrCat(name, " is given twice"));
    }
  }
  if (args.words_.size() > words) {
    return absl::InvalidArgumentError(
        absl::StrCat("unexpected argument '", args.words_[words], "'"));
  }
  if (args.words_.size() < words && !args.Has("help")) {
    return absl::InvalidArgumentError("an argument is missing");
  }
  return args;
}

std::string Args::Get(const std::string& name) const {
  const auto found = values_.find(name);
  return found == values_.end() ? "" : found->second;
}

absl::StatusOr<std::optional<uint64_t>> Args::Count(
    const std::string& name) const {
  const auto found = values_.find(name);
  if (found == values_.end()) return std::optional<uint64_t>();
  const absl::StatusOr<uint64_t> count = ParseCount(found->second);
  if (count.ok()) return std::optional<uint64_t>(*count);
  return absl::InvalidArgumentError(
      absl::StrCat("--", name, ": ", count.status().message()));
}

absl::StatusOr<uint64_t> ParseCount(const std::string& text) {
  const absl::Status bad = absl::InvalidArgumentError(
      absl::StrCat("'", text, "' is not a count; write e.g. 4096, 128K or 1M"));
  if (text.empty()) return bad;
  int shift = 0;
  std::string digits = text;
  switch (text.back()) {
    case 'k':
    case 'K':
      shift = 10;
      break;
    case 'm':
    case 'M':
      shift = 20;
      break;
    case 'g':
    case 'G':
      shift = 30;
      break;
    default:
      break;
  }
  if (shift != 0) digits.pop_back();
  uint64_t number = 0;
  const bool plain = !digits.empty() &&
                     std::all_of(digits.begin(), digits.end(),
                                 [](char c) { return c >= '0' && c <= '9'; });
  if (!plain || !absl::SimpleAtoi(digits, &number)) return bad;
  if (number > std::numeric_limits<uint64_t>::max() >> shift) return bad;
  return number << shift;
}

}  // namespace ithaca::cli
