#include <algorithm>
#include <map>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "daemon/planner/adapters/settings.h"
#include "daemon/planner/adapters/settings_tree.h"

namespace ithaca::planner {
namespace {

using Json = nlohmann::ordered_json;

struct Word {
  std::string text;
  int line = 0;
  bool quoted = false;
  int statement = 0;  // lines that a backslash joins are one
};

// Splits as a shell does, without expanding anything.
class Splitter {
 public:
  explicit Splitter(absl::string_view text) : text_(text) {}

  std::vector<Word> Split() {
    for (; at_ < text_.size(); ++at_) Step(text_[at_]);
    Finish();
    return std::move(words_);
  }
  bool open_quote() const { return quote_ != 0; }
  int line() const { return line_; }

 private:
  void Step(char c) {
    if (c == '\n') ++line_;
    if (c == '\n' && quote_ == 0) ++statement_;
    if (quote_ != 0) {
      if (c == quote_) {
        quote_ = 0;
      } else {
        word_.text += c;
      }
      return;
    }
    if (c == '\\' && at_ + 1 < text_.size()) {
      const char next = text_[++at_];
      if (next == '\n') {
        ++line_;
      } else {
        Add(next);
      }
    } else if (c == '\'' || c == '"') {
      quote_ = c;
      Begin();
      word_.quoted = true;
    } else if (c == '#' && !in_word_) {
      while (at_ + 1 < text_.size() && text_[at_ + 1] != '\n') ++at_;
    } else if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
      Finish();
    } else {
      Add(c);
    }
  }
  void Begin() {
    if (!in_word_) word_.line = line_;
    if (!in_word_) word_.statement = statement_;
    in_word_ = true;
  }
  void Add(char c) {
    Begin();
    word_.text += c;
  }
  void Finish() {
    if (in_word_) words_.push_back(std::move(word_));
    word_ = Word();
    in_word_ = false;
  }

  const absl::string_view text_;
  size_t at_ = 0;
  int line_ = 1;
  int statement_ = 0;
  char quote_ = 0;
  bool in_word_ = false;
  Word word_;
  std::vector<Word> words_;
};

bool IsOption(const Word& word) {
  return word.text.size() > 2 && word.text.compare(0, 2, "--") == 0;
}

// Whether a word is nothing but the shell's way to hold a list.
bool IsShell(const Word& word) {
  const std::string& t = word.text;
  return !word.quoted && (t == ")" || t == "(" ||
                          (t.size() > 2 && t.substr(t.size() - 2) == "=("));
}

Json ScalarOf(const Word& word) {
  const std::string& t = word.text;
  if (word.quoted && t.find_first_not_of("0123456789") != std::string::npos)
    return t;
  if (t == "true" || t == "True") return true;
  if (t == "false" || t == "False") return false;
  int64_t number = 0;
  // Only what is written back as it was.
  if (absl::SimpleAtoi(t, &number) && absl::StrCat(number) == t) return number;
  return t;
}

std::string WithUnderscores(std::string name) {
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

// The last of several values of one name wins, in the place of the first.
class Collector {
 public:
  void Set(const std::string& path, const Json& value, int line) {
    const auto [it, fresh] = index_.emplace(path, settings_.size());
    if (fresh) settings_.emplace_back();
    Setting& setting = settings_[it->second];
    setting.path = path;
    setting.value = Dump(value);
    setting.line = line;
  }
  std::vector<Setting> Take() { return std::move(settings_); }

 private:
  std::map<std::string, size_t> index_;
  std::vector<Setting> settings_;
};

// A name of Hydra's, or "" when the word is no override.
std::string OverrideName(const std::string& text) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos) return "";
  std::string name = text.substr(0, equals);
  name.erase(0, name.find_first_not_of('+'));
  const bool plain =
      !name.empty() && name[0] != '.' && name.back() != '.' &&
      name.find("..") == std::string::npos &&
      name.find_first_not_of(
          "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.") ==
          std::string::npos;
  return plain ? name : "";
}

// Whether no line has two words: a file with one argument on each.
bool IsOnePerLine(const std::vector<Word>& words) {
  for (size_t i = 1; i < words.size(); ++i) {
    if (words[i].statement == words[i - 1].statement) return false;
  }
  return true;
}

// Takes the option at `i` with its values, which end with the line, or where
// `across_lines` with the next option.
void TakeOption(const std::vector<Word>& words, bool across_lines, size_t& i,
                Collector& out) {
  const Word& option = words[i];
  const size_t equals = option.text.find('=');
  const std::string name = WithUnderscores(option.text.substr(
      2, equals == std::string::npos ? std::string::npos : equals - 2));
  std::vector<Word> values;
  if (equals != std::string::npos) {
    values.push_back(
        {option.text.substr(equals + 1), option.line, option.quoted});
  } else {
    while (i + 1 < words.size() && !IsOption(words[i + 1]) &&
           !IsShell(words[i + 1]) && OverrideName(words[i + 1].text).empty() &&
           (across_lines || words[i + 1].statement == option.statement)) {
      values.push_back(words[++i]);
    }
  }
  Json value = true;
  if (values.size() == 1) value = ScalarOf(values[0]);
  if (values.size() > 1) {
    value = Json::array();
    for (const Word& word : values) value.push_back(ScalarOf(word));
  }
  out.Set(JoinPath("", name), value, option.line);
}

// A script often holds its options in one string: "--a 1 --b 2". Takes such a
// string apart.
std::vector<Word> Unfold(std::vector<Word> words) {
  std::vector<Word> all;
  for (Word& word : words) {
    const size_t option = word.text.find("--");
    const bool several =
        word.quoted && option != std::string::npos &&
        word.text.find_first_of(" \t\n", option) != std::string::npos &&
        (option == 0 || std::string(" \t\n=").find(word.text[option - 1]) !=
                            std::string::npos);
    if (!several) {
      all.push_back(std::move(word));
      continue;
    }
    for (Word& inner :
         Splitter(absl::string_view(word.text).substr(option)).Split()) {
      inner.line += word.line - 1;
      inner.statement = word.statement;
      all.push_back(std::move(inner));
    }
  }
  return all;
}

std::string Quote(const std::string& text) {
  if (!text.empty() &&
      text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVW"
                             "XYZ0123456789_./+-:,=@%") == std::string::npos)
    return text;
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'') {
      quoted += "'\\''";
    } else {
      quoted += c;
    }
  }
  return quoted + "'";
}

std::string TextOf(const Json& value) {
  return Quote(value.is_string() ? value.get<std::string>() : Dump(value));
}

Json ParseValue(const std::string& text) {
  Json value = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  return value.is_discarded() ? Json(text) : value;
}

}  // namespace

absl::StatusOr<std::vector<Setting>> ReadWords(absl::string_view what,
                                               absl::string_view text) {
  if (absl::Status s = CheckLength(what, text); !s.ok()) return s;
  if (text.find('\0') != absl::string_view::npos)
    return SettingsError(what, "holds a zero byte; is it a text?");
  Splitter splitter(text);
  const std::vector<Word> words = Unfold(splitter.Split());
  if (splitter.open_quote())
    return SettingsError(what, "a quote is not closed", splitter.line());
  if (words.size() > 4 * kMaxSettings)
    return SettingsError(what, "has too many words");
  const bool across_lines = IsOnePerLine(words);
  Collector out;
  for (size_t i = 0; i < words.size(); ++i) {
    if (IsOption(words[i])) {
      TakeOption(words, across_lines, i, out);
      continue;
    }
    if (IsShell(words[i])) continue;
    const std::string name = OverrideName(words[i].text);
    if (name.empty()) continue;
    Word value = words[i];
    value.text.erase(0, value.text.find('=') + 1);
    out.Set(name, ScalarOf(value), value.line);
  }
  return out.Take();
}

std::string WriteOptions(const std::vector<Setting>& settings, char separator) {
  std::vector<std::string> lines;
  for (const Setting& setting : settings) {
    const Json value = ParseValue(setting.value);
    std::string name = absl::StrJoin(SplitPath(setting.path), ".");
    std::replace(name.begin(), name.end(), '_', separator);
    std::string line = "--" + name;
    if (value.is_array()) {
      for (const Json& item : value) absl::StrAppend(&line, " ", TextOf(item));
    } else if (value != true) {
      absl::StrAppend(&line, " ", TextOf(value));
    }
    lines.push_back(line);
  }
  return absl::StrJoin(lines, " \\\n") + "\n";
}

std::string WriteOverrides(const std::vector<Setting>& settings) {
  std::vector<std::string> lines;
  for (const Setting& setting : settings) {
    const Json value = ParseValue(setting.value);
    lines.push_back(
        Quote(absl::StrJoin(SplitPath(setting.path), ".") + "=" +
              (value.is_string() ? value.get<std::string>() : Dump(value))));
  }
  return absl::StrJoin(lines, " \\\n") + "\n";
}

}  // namespace ithaca::planner
