#include <set>

#include "absl/strings/str_cat.h"
#include "daemon/planner/adapters/settings.h"
#include "daemon/planner/adapters/settings_tree.h"

namespace ithaca::planner {
namespace {

using Json = nlohmann::ordered_json;

// Watches a parse for depth and for keys that are given twice.
class Watch {
 public:
  bool Step(int depth, Json::parse_event_t event, const Json& parsed) {
    if (depth > kMaxSettingsDepth) too_deep_ = true;
    if (event == Json::parse_event_t::object_start) keys_.emplace_back();
    if (event == Json::parse_event_t::object_end && !keys_.empty())
      keys_.pop_back();
    if (event == Json::parse_event_t::key && !keys_.empty()) {
      const auto& key = parsed.get_ref<const std::string&>();
      if (!keys_.back().insert(key).second && twice_.empty()) twice_ = key;
    }
    return !too_deep_;
  }
  bool too_deep() const { return too_deep_; }
  // The first key that is given twice in one map.
  const std::string& twice() const { return twice_; }

 private:
  bool too_deep_ = false;
  std::vector<std::set<std::string>> keys_;
  std::string twice_;
};

// Says nothing but where a text stops being JSON.
struct Locator : nlohmann::json_sax<Json> {
  size_t position = 0;
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(size_t) override { return true; }
  bool key(string_t&) override { return true; }
  bool end_object() override { return true; }
  bool start_array(size_t) override { return true; }
  bool end_array() override { return true; }
  bool parse_error(size_t at, const std::string&,
                   const nlohmann::detail::exception&) override {
    position = at;
    return false;
  }
};

int LineOfFault(absl::string_view text) {
  Locator locator;
  Json::sax_parse(text.begin(), text.end(), &locator);
  int line = 1;
  for (size_t i = 0; i + 1 < locator.position && i < text.size(); ++i)
    line += text[i] == '\n';
  return line;
}

}  // namespace

absl::StatusOr<std::vector<Setting>> ReadJson(absl::string_view what,
                                              absl::string_view text) {
  if (absl::Status s = CheckLength(what, text); !s.ok()) return s;
  Watch watch;
  const Json::parser_callback_t step = [&](int depth, Json::parse_event_t event,
                                           Json& parsed) {
    return watch.Step(depth, event, parsed);
  };
  const Json root = Json::parse(text.begin(), text.end(), step,
                                /*allow_exceptions=*/false);
  if (watch.too_deep()) {
    return SettingsError(
        what, absl::StrCat("nests deeper than ", kMaxSettingsDepth, " levels"));
  }
  if (root.is_discarded()) {
    return SettingsError(what, "is not valid JSON from here on",
                         LineOfFault(text));
  }
  if (!root.is_object()) return SettingsError(what, "is not a JSON object");
  if (!watch.twice().empty()) {
    return SettingsError(what, absl::StrCat("has the key \"", watch.twice(),
                                            "\" twice; keep one"));
  }
  std::vector<Setting> settings;
  if (absl::Status s = Flatten(what, "", root, settings); !s.ok()) return s;
  return settings;
}

std::string WriteJson(const std::vector<Setting>& settings) {
  return TreeOf(settings).dump(2, ' ', false, Json::error_handler_t::replace) +
         "\n";
}

}  // namespace ithaca::planner
