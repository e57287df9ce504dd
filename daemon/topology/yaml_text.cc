#include "daemon/topology/yaml_text.h"

#include <yaml-cpp/eventhandler.h>

#include <algorithm>
#include <set>
#include <sstream>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace ithaca::topology {
namespace {

// Walks through a document before anything is built from it, and throws at what
// is not read.
class Bouncer : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override { Count(mark); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    throw YAML::Exception(mark,
                          "aliases (*name) are not read; write the value");
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                const std::string&) override {
    CheckTag(mark, tag);
    Count(mark);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag,
                       YAML::anchor_t, YAML::EmitterStyle::value) override {
    CheckTag(mark, tag);
    Enter(mark);
  }
  void OnSequenceEnd() override { --depth_; }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag,
                  YAML::anchor_t, YAML::EmitterStyle::value) override {
    CheckTag(mark, tag);
    Enter(mark);
  }
  void OnMapEnd() override { --depth_; }

 private:
  void CheckTag(const YAML::Mark& mark, const std::string& tag) {
    if (tag != "" && tag != "?" && tag != "!") {
      throw YAML::Exception(mark, "tags (!name) are not read; leave them out");
    }
  }
  void Count(const YAML::Mark& mark) {
    if (++count_ > kMaxYamlNodes) {
      throw YAML::Exception(mark, absl::StrCat("more than ", kMaxYamlNodes,
                                               " values; split the file"));
    }
  }
  void Enter(const YAML::Mark& mark) {
    Count(mark);
    if (++depth_ > kMaxYamlDepth) {
      throw YAML::Exception(
          mark, absl::StrCat("nests deeper than ", kMaxYamlDepth, " levels"));
    }
  }

  size_t count_ = 0;
  int depth_ = 0;
};

// One document, or an exception.
YAML::Node Load(absl::string_view text) {
  const std::string copy(text);
  std::istringstream in(copy);
  YAML::Parser parser(in);
  Bouncer bouncer;
  if (parser.HandleNextDocument(bouncer) &&
      parser.HandleNextDocument(bouncer)) {
    throw YAML::Exception(YAML::Mark::null_mark(),
                          "holds several documents; keep one");
  }
  return YAML::Load(copy);
}

// Looks at every mapping below `node`: keys are plain and there once.
absl::Status CheckKeys(const YAML::Node& node, absl::string_view path) {
  std::set<std::string> seen;
  for (const auto& item : node) {
    if (node.IsMap()) {
      const int line = item.first.Mark().line + 1;
      if (!item.first.IsScalar())
        return FileError(path, line, "a key must be a plain word");
      if (!seen.insert(item.first.Scalar()).second) {
        return FileError(path, line,
                         absl::StrCat("\"", item.first.Scalar().substr(0, 80),
                                      "\" is there twice; keep one"));
      }
    }
    const YAML::Node& value = node.IsMap() ? item.second : item;
    if (absl::Status s = CheckKeys(value, path); !s.ok()) return s;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<YAML::Node> ParseYaml(absl::string_view text,
                                     absl::string_view path) {
  if (text.size() > kMaxYamlBytes) {
    return FileError(path, 0,
                     absl::StrCat("is ", text.size(), " bytes, at most ",
                                  kMaxYamlBytes, " are read"));
  }
  try {
    YAML::Node root = Load(text);
    if (absl::Status s = CheckKeys(root, path); !s.ok()) return s;
    return root;
  } catch (const YAML::Exception& error) {
    return FileError(path, error.mark.line + 1, error.msg);
  }
}

YamlMap::YamlMap(YAML::Node node, std::string path, std::string name,
                 std::initializer_list<const char*> known)
    : node_(std::move(node)), path_(std::move(path)), name_(std::move(name)) {
  if (!node_.IsMap()) {
    status_ = FileError(path_, line(),
                        absl::StrCat(name_.empty() ? "the file" : name_,
                                     " must be a mapping of keys to values"));
    return;
  }
  for (const auto& item : node_) {
    const std::string& key = item.first.Scalar();
    if (std::any_of(known.begin(), known.end(),
                    [&](const char* k) { return key == k; })) {
      continue;
    }
    status_ = FileError(
        path_, item.first.Mark().line + 1,
        absl::StrCat(NameOf(key.substr(0, 80).c_str()),
                     " is not known; known are ", absl::StrJoin(known, ", ")));
    return;
  }
}

std::string YamlMap::NameOf(const char* key) const {
  return name_.empty() ? key : absl::StrCat(name_, ".", key);
}

YAML::Node YamlMap::Get(const char* key) const {
  if (!status_.ok()) return YAML::Node(YAML::NodeType::Undefined);
  return node_[key];
}

bool YamlMap::Has(const char* key) const {
  const YAML::Node value = Get(key);
  return value.IsDefined() && !value.IsNull();
}

std::optional<std::string> YamlMap::Text(const char* key) {
  if (!Has(key)) return std::nullopt;
  const YAML::Node value = Get(key);
  if (!value.IsScalar()) {
    Fail(key, "must be one value, no list or mapping");
    return std::nullopt;
  }
  return value.Scalar();
}

std::optional<uint64_t> YamlMap::Number(const char* key, uint64_t low,
                                        uint64_t high) {
  const std::optional<std::string> text = Text(key);
  if (!text) return std::nullopt;
  uint64_t number = 0;
  const bool digits = !text->empty() && text->find_first_not_of("0123456789") ==
                                            std::string::npos;
  if (!digits || !absl::SimpleAtoi(*text, &number) || number < low ||
      number > high) {
    Fail(key,
         absl::StrCat("is \"", text->substr(0, 80),
                      "\"; must be a whole number from ", low, " to ", high));
    return std::nullopt;
  }
  return number;
}

std::optional<bool> YamlMap::Switch(const char* key) {
  const std::optional<std::string> text = Text(key);
  if (!text) return std::nullopt;
  if (*text != "true" && *text != "false") {
    Fail(key,
         absl::StrCat("is \"", text->substr(0, 80), "\"; write true or false"));
    return std::nullopt;
  }
  return *text == "true";
}

std::vector<std::string> YamlMap::Texts(const char* key) {
  std::vector<std::string> texts;
  if (!Has(key)) return texts;
  if (Get(key).IsScalar()) return {Get(key).Scalar()};
  for (const YAML::Node& item : List(key)) {
    if (!item.IsScalar()) {
      Fail(key, "must be a list of plain values");
      return {};
    }
    texts.push_back(item.Scalar());
  }
  return texts;
}

std::vector<YAML::Node> YamlMap::List(const char* key) {
  std::vector<YAML::Node> items;
  if (!Has(key)) return items;
  if (!Get(key).IsSequence()) {
    Fail(key, "must be a list");
    return items;
  }
  for (const YAML::Node& item : Get(key)) items.push_back(item);
  return items;
}

void YamlMap::Fail(const char* key, absl::string_view problem) {
  if (!status_.ok()) return;
  const YAML::Node value = Get(key);
  const int at = value.IsDefined() ? value.Mark().line + 1 : line();
  status_ = FileError(path_, at, absl::StrCat(NameOf(key), ": ", problem));
}

void YamlMap::Fail(const char* key, const absl::Status& problem) {
  if (!problem.ok()) Fail(key, problem.message());
}

void YamlMap::Take(const absl::Status& status) {
  if (status_.ok()) status_ = status;
}

}  // namespace ithaca::topology
