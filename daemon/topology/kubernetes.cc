#include "daemon/topology/kubernetes.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "daemon/topology/accelerator_table.h"
#include "daemon/topology/check.h"
#include "daemon/topology/file_error.h"
#include "daemon/topology/kubernetes_json.h"
#include "daemon/topology/pci_text.h"
#include "daemon/topology/slots.h"

namespace ithaca::topology {
namespace {

using Json = nlohmann::json;

constexpr uint32_t kFileSource = 0;
constexpr uint32_t kTableSource = 1;
constexpr const char* kAcceleratorResources[] = {"nvidia.com/gpu",
                                                 "amd.com/gpu"};

// The text at `key` of the object at `part`; "" when there is none.
std::string TextAt(const Json& node, const char* part, const char* group,
                   const std::string& key) {
  const auto section = node.find(part);
  if (section == node.end() || !section->is_object()) return "";
  const auto values = section->find(group);
  if (values == section->end() || !values->is_object()) return "";
  const auto value = values->find(key);
  if (value == values->end()) return "";
  if (value->is_string()) return value->get<std::string>();
  return value->is_number_unsigned() ? value->dump() : "";
}

std::string Label(const Json& node, const std::string& key) {
  return TextAt(node, "metadata", "labels", key);
}

std::string Capacity(const Json& node, const std::string& key) {
  return TextAt(node, "status", "capacity", key);
}

// "2113437948Ki", "2Ti" or a plain number of bytes.
std::optional<uint64_t> MemoryOf(absl::string_view text) {
  int shift = 0;
  constexpr absl::string_view kPrefixes = "KMGTP";
  if (absl::EndsWith(text, "i") && text.size() > 2) {
    const size_t at = kPrefixes.find(text[text.size() - 2]);
    if (at == absl::string_view::npos) return std::nullopt;
    shift = 10 * (static_cast<int>(at) + 1);
    text.remove_suffix(2);
  }
  const auto number = ParseWhole(text);
  if (!number || *number == 0 || *number >= (uint64_t{1} << 62) >> shift)
    return std::nullopt;
  return *number << shift;
}

// Label values cannot hold spaces: the operator writes "-" for them.
const KnownAccelerator* AcceleratorOf(absl::string_view label) {
  const auto plain = [](absl::string_view text) {
    return absl::StrReplaceAll(text, {{" ", "-"}});
  };
  const absl::string_view product = absl::StripSuffix(label, "-SHARED");
  for (const KnownAccelerator& known : KnownAccelerators())
    for (const std::string& name : known.products)
      if (absl::EqualsIgnoreCase(plain(name), product)) return &known;
  return nullptr;
}

std::string LevelName(const std::string& key) {
  const size_t slash = key.rfind('/');
  return slash == std::string::npos ? key : key.substr(slash + 1);
}

class Reader {
 public:
  Reader(std::string path, LabelKeys keys)
      : path_(std::move(path)), keys_(std::move(keys)) {}

  absl::StatusOr<v1::Topology> Read(const std::vector<Json>& nodes);

 private:
  void ChooseKeys(const std::vector<Json>& nodes);
  absl::Status ReadNode(const Json& json, const std::string& at);
  absl::Status AddAccelerators(const Json& json, const std::string& at,
                               v1::Node& node);
  std::optional<std::string> Domain(const Json& json,
                                    const KnownAccelerator* known,
                                    uint64_t count,
                                    const std::string& node) const;

  const std::string path_;
  LabelKeys keys_;
  v1::Topology topology_;
};

void Reader::ChooseKeys(const std::vector<Json>& nodes) {
  const auto has = [&nodes](const std::string& key) {
    return std::any_of(nodes.begin(), nodes.end(), [&key](const Json& node) {
      return !Label(node, key).empty();
    });
  };
  if (keys_.levels.empty() && keys_.nvlink_domain.empty()) {
    const auto& presets = LabelPresets();
    const auto found = std::find_if(
        presets.begin(), presets.end(), [&has](const LabelKeys& preset) {
          return std::any_of(preset.levels.begin(), preset.levels.end(), has);
        });
    keys_ = found == presets.end() ? presets.back() : *found;
  }
  keys_.levels.erase(
      std::remove_if(keys_.levels.begin(), keys_.levels.end(),
                     [&has](const auto& key) { return !has(key); }),
      keys_.levels.end());
}

std::optional<std::string> Reader::Domain(const Json& json,
                                          const KnownAccelerator* known,
                                          uint64_t count,
                                          const std::string& node) const {
  for (const std::string& key : keys_.nvlink_domain) {
    const std::string domain = Label(json, key);
    if (!domain.empty()) return domain;
  }
  if (known == nullptr) return std::nullopt;
  if (!known->nvlink_bytes_per_second) return "";
  if (known->rack_domain || known->nvlink_domain < count) return std::nullopt;
  return node;
}

absl::Status Reader::AddAccelerators(const Json& json, const std::string& at,
                                     v1::Node& node) {
  uint64_t count = 0;
  for (const char* resource : kAcceleratorResources) {
    const std::string text = Capacity(json, resource);
    if (text.empty()) continue;
    const auto number = ParseWhole(text);
    if (!number || *number > kMaxPerNode)
      return FileError(path_, 0,
                       absl::StrCat(at, ".status.capacity.", resource,
                                    ": is \"", text.substr(0, 40),
                                    "\"; must be at most ", kMaxPerNode));
    count = std::max(count, *number);
  }
  if (count == 0) return absl::OkStatus();
  const auto* known = AcceleratorOf(Label(json, "nvidia.com/gpu.product"));
  v1::Accelerator accelerator;
  const auto mebibytes = ParseWhole(Label(json, "nvidia.com/gpu.memory"));
  if (mebibytes && *mebibytes > 0 && *mebibytes < uint64_t{1} << 40)
    accelerator.set_memory_bytes(*mebibytes << 20);
  if (known != nullptr) FillFrom(*known, kTableSource, accelerator);
  if (const auto domain = Domain(json, known, count, node.name()))
    accelerator.set_nvlink_domain(*domain);
  for (uint64_t i = 0; i < count; ++i) {
    accelerator.set_local_index(static_cast<uint32_t>(i));
    *node.add_accelerators() = accelerator;
  }
  return absl::OkStatus();
}

absl::Status Reader::ReadNode(const Json& json, const std::string& at) {
  v1::Node& node = *topology_.add_nodes();
  const auto metadata = json.find("metadata");
  if (metadata == json.end() || !metadata->is_object() ||
      !metadata->contains("name") || !(*metadata)["name"].is_string()) {
    return FileError(path_, 0,
                     absl::StrCat(at,
                                  ".metadata.name: missing; is this what "
                                  "`kubectl get nodes -o json` prints?"));
  }
  node.set_name((*metadata)["name"].get<std::string>());
  for (const std::string& key : keys_.levels) node.add_pods(Label(json, key));
  if (const auto memory = MemoryOf(Capacity(json, "memory")))
    node.set_host_memory_bytes(*memory);
  v1::Origin& origin = *node.add_origins();
  origin.set_source(kFileSource);
  origin.set_location(at);
  return AddAccelerators(json, at, node);
}

absl::StatusOr<v1::Topology> Reader::Read(const std::vector<Json>& nodes) {
  if (nodes.size() > static_cast<size_t>(kMaxNodes))
    return FileError(path_, 0,
                     absl::StrCat("has more than ", kMaxNodes, " nodes"));
  topology_.add_sources()->set_kind(v1::SOURCE_KIND_KUBERNETES);
  topology_.mutable_sources(kFileSource)->set_name(path_);
  topology_.add_sources()->set_kind(v1::SOURCE_KIND_ACCELERATOR_TABLE);
  topology_.mutable_sources(kTableSource)->set_name("accelerators.yaml");
  topology_.add_origins()->set_source(kFileSource);
  ChooseKeys(nodes);
  for (const std::string& key : keys_.levels)
    topology_.add_levels()->set_name(LevelName(key));
  for (size_t i = 0; i < nodes.size(); ++i) {
    absl::Status read =
        ReadNode(nodes[i], absl::StrCat("nodes.items[", i, "]"));
    if (!read.ok()) return read;
  }
  if (absl::Status s = CheckTopology(topology_, path_); !s.ok()) return s;
  return std::move(topology_);
}

}  // namespace

const std::vector<LabelKeys>& LabelPresets() {
  const auto tiers = [](const char* prefix) {
    std::vector<std::string> keys;
    for (int tier = 0; tier < kMaxLevels; ++tier)
      keys.push_back(absl::StrCat(prefix, tier));
    return keys;
  };
  static const auto* const presets = new std::vector<LabelKeys>{
      {"topograph",
       tiers("fabric.topograph.run/tier-"),
       {"nvidia.com/gpu.clique", "accelerator.topograph.run/sub-domain",
        "accelerator.topograph.run/domain"}},
      {"topograph-tiers",
       tiers("network.topology.nvidia.com/tier-"),
       {"nvidia.com/gpu.clique", "xclr.topology.nvidia.com/domain"}},
      {"topograph-leaf",
       {"network.topology.nvidia.com/leaf", "network.topology.nvidia.com/spine",
        "network.topology.nvidia.com/core"},
       {"nvidia.com/gpu.clique", "network.topology.nvidia.com/accelerator"}},
      {"topograph-block",
       {"network.topology.nvidia.com/block",
        "network.topology.nvidia.com/spine",
        "network.topology.nvidia.com/datacenter"},
       {"nvidia.com/gpu.clique", "network.topology.nvidia.com/accelerator"}},
      {"aws",
       {"topology.k8s.aws/network-node-layer-4",
        "topology.k8s.aws/network-node-layer-3",
        "topology.k8s.aws/network-node-layer-2",
        "topology.k8s.aws/network-node-layer-1"},
       {"nvidia.com/gpu.clique"}},
      {"gcp",
       {"cloud.google.com/gce-topology-host",
        "cloud.google.com/gce-topology-subblock",
        "cloud.google.com/gce-topology-block"},
       {"nvidia.com/gpu.clique"}},
      {"zone",
       {"topology.kubernetes.io/zone", "topology.kubernetes.io/region"},
       {"nvidia.com/gpu.clique"}},
  };
  return *presets;
}

absl::StatusOr<LabelKeys> GetLabelPreset(absl::string_view name) {
  for (const LabelKeys& preset : LabelPresets())
    if (preset.name == name) return preset;
  return absl::InvalidArgumentError(
      absl::StrCat("\"", name.substr(0, 80), "\" is not a preset; there are ",
                   absl::StrJoin(LabelPresets(), ", ",
                                 [](std::string* out, const LabelKeys& preset) {
                                   absl::StrAppend(out, preset.name);
                                 })));
}

absl::StatusOr<v1::Topology> ReadKubernetes(absl::string_view text,
                                            const std::string& path,
                                            const LabelKeys& keys) {
  const auto nodes = ParseKubernetesNodes(text, path);
  if (!nodes.ok()) return nodes.status();
  return Reader(path, keys).Read(*nodes);
}

}  // namespace ithaca::topology
