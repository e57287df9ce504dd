#include "daemon/store/open_store.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "daemon/store/etcd/etcd_store.h"
#include "daemon/store/sqlite_store.h"

namespace ithaca::store {

absl::StatusOr<StoreSpec> ParseStoreSpec(const std::string& spec) {
  for (const auto& [head, kind] :
       {std::pair{std::string("sqlite:"), StoreSpec::Kind::kSqlite},
        std::pair{std::string("etcd:"), StoreSpec::Kind::kEtcd}}) {
    if (absl::StartsWith(spec, head) && spec.size() > head.size())
      return StoreSpec{kind, spec.substr(head.size())};
  }
  return absl::InvalidArgumentError(
      absl::StrCat("store '", spec,
                   "' is not known; write sqlite:PATH for one node, or "
                   "etcd:HOST:PORT,HOST:PORT,... for a cluster"));
}

absl::StatusOr<std::unique_ptr<Store>> OpenStore(
    const std::string& spec, std::function<void(const std::string&)> log,
    std::chrono::milliseconds wait) {
  const auto parsed = ParseStoreSpec(spec);
  if (!parsed.ok()) return parsed.status();
  if (parsed->kind == StoreSpec::Kind::kSqlite) {
    SqliteOptions options;
    options.path = parsed->rest;
    return OpenSqliteStore(options);
  }
  auto options = etcd::ParseOptions(parsed->rest);
  if (!options.ok()) return options.status();
  options->log = std::move(log);
  options->open_timeout = wait;
  return etcd::OpenEtcdStore(*options);
}

}  // namespace ithaca::store
