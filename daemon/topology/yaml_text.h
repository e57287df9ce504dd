// Bounded reading of YAML from outside, with the line in every error.
//
// Used by the readers of YAML files. Pure; safe from any thread.
#ifndef ITHACA_DAEMON_TOPOLOGY_YAML_TEXT_H_
#define ITHACA_DAEMON_TOPOLOGY_YAML_TEXT_H_

#include <yaml-cpp/yaml.h>

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "daemon/topology/file_error.h"

namespace ithaca::topology {

inline constexpr size_t kMaxYamlBytes = 4 << 20;
inline constexpr int kMaxYamlDepth = 24;
inline constexpr size_t kMaxYamlNodes = 1 << 19;

// The one document of `text`. `path` names the file in errors. Errors:
// INVALID_ARGUMENT when the text is no YAML, has several documents, aliases,
// tags of its own or keys that are not plain, a key twice in one mapping, or is
// beyond the bounds above.
absl::StatusOr<YAML::Node> ParseYaml(absl::string_view text,
                                     absl::string_view path);

// A mapping that is read key by key. Holds the first error, so that a reader
// asks once at its end; after an error every call gives nothing.
class YamlMap {
 public:
  // `name` is what the mapping is called in errors, e.g. "nodes[3]". A node
  // that is no mapping is an error. Keys that `known` lacks are one too.
  YamlMap(YAML::Node node, std::string path, std::string name,
          std::initializer_list<const char*> known);

  const absl::Status& status() const { return status_; }
  bool Has(const char* key) const;
  // The value of `key`; an undefined node when there is none.
  YAML::Node Get(const char* key) const;
  // The text of a scalar; nothing when the key is absent.
  std::optional<std::string> Text(const char* key);
  // A whole number from `low` to `high`.
  std::optional<uint64_t> Number(const char* key, uint64_t low, uint64_t high);
  std::optional<bool> Switch(const char* key);  // true or false
  // The texts of a list of scalars; a scalar counts as a list of one.
  std::vector<std::string> Texts(const char* key);
  // The entries of a list; empty when the key is absent.
  std::vector<YAML::Node> List(const char* key);

  // Takes an error about `key` unless there is one already. A problem of a
  // status of OK is none.
  void Fail(const char* key, absl::string_view problem);
  void Fail(const char* key, const absl::Status& problem);
  // Takes an error of something read below this mapping, as it is.
  void Take(const absl::Status& status);

  int line() const { return node_.Mark().line + 1; }
  const std::string& path() const { return path_; }
  // "name.key", or "key" when the mapping has no name.
  std::string NameOf(const char* key) const;

 private:
  YAML::Node node_;
  std::string path_;
  std::string name_;
  absl::Status status_;
};

}  // namespace ithaca::topology

#endif  // ITHACA_DAEMON_TOPOLOGY_YAML_TEXT_H_
