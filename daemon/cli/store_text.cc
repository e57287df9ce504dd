#include "daemon/cli/store_text.h"

#include "absl/strings/str_cat.h"

namespace ithaca::cli {

std::string FactsText(const store::StoreFacts& facts) {
  return absl::StrCat(facts.entries, " entries, ", facts.bytes,
                      " bytes of values, revision ", facts.revision,
                      ", schema version ", facts.schema_version);
}

nlohmann::ordered_json FactsJson(const std::string& file,
                                 const store::StoreFacts& facts) {
  return {{"file", file},
          {"entries", facts.entries},
          {"valueBytes", facts.bytes},
          {"revision", facts.revision},
          {"schemaVersion", facts.schema_version}};
}

}  // namespace ithaca::cli
