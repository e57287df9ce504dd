#include "daemon/cluster/records.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "ithaca/cluster/v1/storage.pb.h"

namespace ithaca::cluster {
namespace {

constexpr char kNodePrefix[] = "cluster/nodes/";

}  // namespace

const char kClusterPrefix[] = "cluster/";
const char kCoordinatorKey[] = "cluster/coordinator";

store::Op EncodeCoordinator(const Holder& holder, uint64_t signature,
                            int64_t lease) {
  v1::StoredCoordinator stored;
  stored.set_node(holder.node);
  stored.set_address(holder.address);
  stored.set_incarnation(holder.incarnation);
  stored.set_signature(signature);
  return store::Op::Put(kCoordinatorKey, stored.SerializeAsString(), lease);
}

std::optional<Holder> DecodeCoordinator(const std::string& value) {
  v1::StoredCoordinator stored;
  if (!stored.ParseFromString(value) || stored.node().empty())
    return std::nullopt;
  return Holder{stored.node(), stored.address(), stored.incarnation()};
}

store::Op EncodeNode(const Holder& node, int64_t lease) {
  v1::StoredNode stored;
  stored.set_name(node.node);
  stored.set_address(node.address);
  stored.set_incarnation(node.incarnation);
  return store::Op::Put(NodeKey(node.node), stored.SerializeAsString(), lease);
}

std::optional<Holder> DecodeNode(const std::string& value) {
  v1::StoredNode stored;
  if (!stored.ParseFromString(value) || stored.name().empty())
    return std::nullopt;
  return Holder{stored.name(), stored.address(), stored.incarnation()};
}

std::string NodeKey(const std::string& name) {
  return absl::StrCat(kNodePrefix, name);
}

std::string NodeOfKey(const std::string& key) {
  absl::string_view rest = key;
  return absl::ConsumePrefix(&rest, kNodePrefix) ? std::string(rest) : "";
}

}  // namespace ithaca::cluster
