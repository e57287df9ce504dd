#include "daemon/topology/kubernetes_json.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/topology/file_error.h"
#include "daemon/topology/kubernetes_limits.h"

namespace ithaca::topology {
namespace {

using Json = nlohmann::json;

// Decides, key by key, what is kept.
class Sieve {
 public:
  // For nlohmann's callback: false drops what stands at the event.
  bool Keep(int depth, Json::parse_event_t event, const Json& parsed) {
    if (depth > kMaxKubernetesDepth) too_deep_ = true;
    if (too_deep_) return false;
    if (event != Json::parse_event_t::key) return true;
    const auto at = static_cast<size_t>(depth);
    keys_.resize(at + 1);  // forgets the keys of what was read deeper
    keys_[at] = parsed.get<std::string>();
    return IsKept(ParentOf(at), keys_[at]);
  }
  bool too_deep() const { return too_deep_; }

 private:
  // The key of the object that holds the keys at `depth`; lists have none.
  std::string ParentOf(size_t depth) const {
    while (depth-- > 0)
      if (!keys_[depth].empty()) return keys_[depth];
    return "";
  }
  static bool IsKept(const std::string& parent, const std::string& key) {
    if (parent.empty() || parent == "items")
      return key == "items" || key == "metadata" || key == "status" ||
             key == "kind";
    if (parent == "metadata") return key == "name" || key == "labels";
    if (parent == "status") return key == "capacity";
    return parent == "labels" || parent == "capacity";
  }

  std::vector<std::string> keys_;  // the open one at each depth
  bool too_deep_ = false;
};

}  // namespace

absl::StatusOr<std::vector<Json>> ParseKubernetesNodes(
    absl::string_view text, const std::string& path) {
  if (text.size() > kMaxKubernetesBytes) {
    return FileError(path, 0,
                     absl::StrCat("is ", text.size(), " bytes, at most ",
                                  kMaxKubernetesBytes, " are read"));
  }
  Sieve sieve;
  Json root = Json::parse(
      text.begin(), text.end(),
      [&sieve](int depth, Json::parse_event_t event, Json& parsed) {
        return sieve.Keep(depth, event, parsed);
      },
      /*allow_exceptions=*/false);
  if (sieve.too_deep())
    return FileError(
        path, 0,
        absl::StrCat("nests deeper than ", kMaxKubernetesDepth, " levels"));
  if (root.is_discarded() || !root.is_object())
    return FileError(path, 0, "is not a JSON object");
  std::vector<Json> nodes;
  const auto items = root.find("items");
  if (items == root.end()) {
    nodes.push_back(std::move(root));
    return nodes;
  }
  if (!items->is_array()) return FileError(path, 0, "items: is not a list");
  for (Json& item : *items) {
    if (!item.is_object())
      return FileError(path, 0, "items: holds what is no node");
    nodes.push_back(std::move(item));
  }
  return nodes;
}

}  // namespace ithaca::topology
