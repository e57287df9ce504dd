// Quantities with units in YAML files.
//
// Used by the readers of YAML files. Pure; safe from any thread.
#ifndef ITHACA_DAEMON_TOPOLOGY_YAML_QUANTITY_H_
#define ITHACA_DAEMON_TOPOLOGY_YAML_QUANTITY_H_

#include <cstdint>
#include <optional>

#include "daemon/topology/quantity.h"
#include "daemon/topology/yaml_text.h"

namespace ithaca::topology {

// The quantity at `key`; nothing when the key is absent, or at an error, which
// the mapping then holds.
inline std::optional<uint64_t> Quantity(YamlMap& map, const char* key,
                                        Unit unit) {
  const std::optional<std::string> text = map.Text(key);
  if (!text) return std::nullopt;
  const absl::StatusOr<uint64_t> value = ParseQuantity(*text, unit);
  if (value.ok()) return *value;
  map.Fail(key, value.status());
  return std::nullopt;
}

}  // namespace ithaca::topology

#endif  // ITHACA_DAEMON_TOPOLOGY_YAML_QUANTITY_H_
