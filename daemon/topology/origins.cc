#include "daemon/topology/origins.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace ithaca::topology {

const v1::Origin* OriginOfField(const Origins& origins, absl::string_view field,
                                const v1::Origin* outer) {
  const v1::Origin* found = outer;
  for (const v1::Origin& origin : origins) {
    if (origin.fields_size() == 0) {
      found = &origin;
      continue;
    }
    for (const std::string& name : origin.fields())
      if (name == field) return &origin;
  }
  return found;
}

void SetOrigin(absl::string_view field, uint32_t source,
               absl::string_view location, Origins& origins) {
  for (int i = origins.size(); i-- > 0;) {
    auto& fields = *origins.Mutable(i)->mutable_fields();
    if (fields.empty()) continue;
    fields.erase(std::remove(fields.begin(), fields.end(), std::string(field)),
                 fields.end());
    // An entry without names would hold for all.
    if (fields.empty()) origins.erase(origins.begin() + i);
  }
  for (v1::Origin& origin : origins) {
    if (origin.fields_size() > 0 && origin.source() == source &&
        origin.location() == location) {
      origin.add_fields(std::string(field));
      return;
    }
  }
  v1::Origin& origin = *origins.Add();
  origin.add_fields(std::string(field));
  origin.set_source(source);
  origin.set_location(std::string(location));
}

std::string OriginText(const v1::Topology& topology, const v1::Origin* origin) {
  if (origin == nullptr ||
      static_cast<int64_t>(origin->source()) >= topology.sources_size()) {
    return "unknown";
  }
  const v1::Source& source =
      topology.sources(static_cast<int>(origin->source()));
  std::string name = source.name();
  if (name.empty() && source.kind() == v1::SOURCE_KIND_COMMAND_LINE)
    name = "command line";
  if (name.empty()) return origin->location();
  return origin->location().empty()
             ? name
             : absl::StrCat(name, ", ", origin->location());
}

}  // namespace ithaca::topology
