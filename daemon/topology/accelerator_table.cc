#include "daemon/topology/accelerator_table.h"

#include <cstdlib>
#include <iostream>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "daemon/topology/accelerators.inc"
#include "daemon/topology/yaml_quantity.h"
#include "daemon/topology/yaml_text.h"

namespace ithaca::topology {
namespace {

constexpr char kTableName[] = "accelerators.yaml";

void ReadPcie(YamlMap& entry, KnownAccelerator& known) {
  if (!entry.Has("pcie")) return;
  YamlMap pcie(entry.Get("pcie"), entry.path(), entry.NameOf("pcie"),
               {"generation", "lanes"});
  if (const auto generation = pcie.Number("generation", 1, 6)) {
    known.megatransfers_per_second = PciGenerationRate(*generation);
  }
  if (const auto lanes = pcie.Number("lanes", 1, 32)) {
    known.pci_lanes = static_cast<uint32_t>(*lanes);
  }
  entry.Take(pcie.status());
}

absl::StatusOr<KnownAccelerator> ReadEntry(const YAML::Node& node,
                                           const std::string& path) {
  YamlMap entry(
      node, path, "",
      {"names", "products", "pci", "peak", "memory", "memory_rate", "nvlink",
       "domain", "rack", "host_link", "pcie", "capability", "source"});
  KnownAccelerator known;
  known.names = entry.Texts("names");
  known.products = entry.Texts("products");
  known.pci = entry.Text("pci").value_or("");
  known.peak_flops = Quantity(entry, "peak", Unit::kFlops);
  known.memory_bytes = Quantity(entry, "memory", Unit::kBytes);
  known.memory_bytes_per_second =
      Quantity(entry, "memory_rate", Unit::kBytesPerSecond);
  known.nvlink_bytes_per_second =
      Quantity(entry, "nvlink", Unit::kBytesPerSecond);
  known.nvlink_domain =
      static_cast<uint32_t>(entry.Number("domain", 2, 4096).value_or(0));
  known.rack_domain = entry.Switch("rack").value_or(false);
  known.host_link_bytes_per_second =
      Quantity(entry, "host_link", Unit::kBytesPerSecond);
  ReadPcie(entry, known);
  if (const auto capability = entry.Number("capability", 10, 999)) {
    known.compute_capability = static_cast<uint32_t>(*capability);
  }
  known.source = entry.Text("source").value_or("");
  if (known.names.empty()) entry.Fail("names", "missing");
  if (known.products.empty()) entry.Fail("products", "missing");
  if (known.source.empty()) entry.Fail("source", "missing");
  if (!entry.status().ok()) return entry.status();
  return known;
}

// Sets `field` of `accelerator` when `value` has one and the field has none,
// and notes its name in `origin`.
#define ITHACA_FILL(field, value)              \
  if ((value) && !accelerator.has_##field()) { \
    accelerator.set_##field(*(value));         \
    origin.add_fields(#field);                 \
  }

}  // namespace

uint32_t PciGenerationRate(uint64_t generation) {
  constexpr uint32_t kRates[] = {0, 2500, 5000, 8000, 16000, 32000, 64000};
  return generation < std::size(kRates) ? kRates[generation] : 0;
}

absl::StatusOr<std::vector<KnownAccelerator>> ReadAcceleratorTable(
    absl::string_view text, const std::string& path) {
  const absl::StatusOr<YAML::Node> root = ParseYaml(text, path);
  if (!root.ok()) return root.status();
  if (!root->IsSequence()) {
    return FileError(path, 1, "the table must be a list of accelerators");
  }
  std::vector<KnownAccelerator> table;
  for (const YAML::Node& node : *root) {
    absl::StatusOr<KnownAccelerator> known = ReadEntry(node, path);
    if (!known.ok()) return known.status();
    table.push_back(*std::move(known));
  }
  return table;
}

const std::vector<KnownAccelerator>& KnownAccelerators() {
  static const auto* const table = [] {
    auto read = ReadAcceleratorTable(kAcceleratorsYaml, kTableName);
    if (!read.ok()) {  // a mistake in the build, which its test finds
      std::cerr << read.status().message() << "\n";
      std::abort();
    }
    return new std::vector<KnownAccelerator>(*std::move(read));
  }();
  return *table;
}

const KnownAccelerator* FindAccelerator(absl::string_view name) {
  for (const KnownAccelerator& known : KnownAccelerators()) {
    for (const std::string& alias : known.names) {
      if (absl::EqualsIgnoreCase(alias, name)) return &known;
    }
    for (const std::string& product : known.products) {
      if (absl::EqualsIgnoreCase(product, name)) return &known;
    }
  }
  return nullptr;
}

const KnownAccelerator* FindAcceleratorByPci(absl::string_view pci) {
  for (const KnownAccelerator& known : KnownAccelerators()) {
    if (!known.pci.empty() && absl::EqualsIgnoreCase(known.pci, pci))
      return &known;
  }
  return nullptr;
}

absl::StatusOr<const KnownAccelerator*> GetAccelerator(absl::string_view name) {
  const KnownAccelerator* known = FindAccelerator(name);
  if (known != nullptr) return known;
  return absl::InvalidArgumentError(absl::StrCat(
      "\"", name.substr(0, 80),
      "\" is not an accelerator known by name; known are ",
      absl::StrJoin(KnownAccelerators(), ", ",
                    [](std::string* out, const KnownAccelerator& each) {
                      absl::StrAppend(out, each.names.front());
                    }),
      "; or describe it in a cluster file"));
}

void FillFrom(const KnownAccelerator& known, uint32_t source,
              v1::Accelerator& accelerator) {
  v1::Origin origin;
  if (accelerator.model().empty()) {
    accelerator.set_model(known.products.front());
    origin.add_fields("model");
  }
  ITHACA_FILL(peak_flops, known.peak_flops)
  ITHACA_FILL(memory_bytes, known.memory_bytes)
  ITHACA_FILL(memory_bytes_per_second, known.memory_bytes_per_second)
  ITHACA_FILL(nvlink_bytes_per_second, known.nvlink_bytes_per_second)
  ITHACA_FILL(host_link_bytes_per_second, known.host_link_bytes_per_second)
  ITHACA_FILL(compute_capability, known.compute_capability)
  if (known.megatransfers_per_second && !accelerator.has_pci_link()) {
    v1::PciLink& link = *accelerator.mutable_pci_link();
    link.set_megatransfers_per_second(*known.megatransfers_per_second);
    if (known.pci_lanes) link.set_lanes(*known.pci_lanes);
    origin.add_fields("pci_link");
  }
  if (origin.fields_size() == 0) return;
  origin.set_source(source);
  origin.set_location(known.names.front());
  *accelerator.add_origins() = std::move(origin);
}

#undef ITHACA_FILL

}  // namespace ithaca::topology
