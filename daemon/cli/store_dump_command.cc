// ithacactl store dump.

#include <ostream>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "daemon/cli/commands.h"
#include "daemon/store/open_store.h"
#include "daemon/store/store_files.h"

namespace ithaca::cli {
namespace {

constexpr size_t kPage = 128;

using Visit = std::function<void(const store::KeyValue&)>;

absl::Status ReadCluster(const Context& context, const std::string& name,
                         const Visit& visit) {
  const auto store =
      store::OpenStore(name, [&context](const std::string& text) {
        context.err << "ithacactl: " << text << "\n";
      });
  if (!store.ok()) return store.status();
  std::string after;
  for (bool more = true; more;) {
    const auto page = (*store)->List("", after, kPage);
    if (!page.ok()) return page.status();
    for (const store::KeyValue& entry : page->entries) visit(entry);
    more = page->more;
    if (more) after = page->entries.back().key;
  }
  return absl::OkStatus();
}

nlohmann::ordered_json EntryJson(const store::KeyValue& entry) {
  // Keys are bytes; JSON is text.
  return {{"key", absl::CEscape(entry.key)},
          {"value", absl::Base64Escape(entry.value)},
          {"createRevision", entry.create_revision},
          {"modRevision", entry.mod_revision},
          {"lease", entry.lease}};
}

int RunStoreDump(const Context& context) {
  const std::string& name = context.args.words()[0];
  std::vector<std::vector<std::string>> rows = {
      {"KEY", "BYTES", "CREATED", "WRITTEN"}};
  nlohmann::ordered_json entries = nlohmann::ordered_json::array();
  const Visit visit = [&](const store::KeyValue& entry) {
    if (context.format != Format::kTable) {
      entries.push_back(EntryJson(entry));
      return;
    }
    rows.push_back({absl::CEscape(entry.key), absl::StrCat(entry.value.size()),
                    absl::StrCat(entry.create_revision),
                    absl::StrCat(entry.mod_revision)});
  };
  const absl::Status status = absl::StartsWith(name, "etcd:")
                                  ? ReadCluster(context, name, visit)
                                  : store::ReadStoreFile(name, visit);
  if (!status.ok()) return context.Fail(status);
  if (context.format == Format::kTable) {
    context.out << Columns(rows);
  } else {
    context.out << Render(nlohmann::ordered_json{{"entries", entries}},
                          context.format);
  }
  return kDone;
}

}  // namespace

Command StoreDumpCommand() {
  return {"store dump",
          "Lists what a store holds: a file's, a backup's, or a cluster's.",
          "STORE",
          1,
          {},
          "STORE is a file that no daemon runs on, or etcd:HOST:PORT,... as "
          "for ithacad. With -o json values come too, in base64.\n\n"
          "Examples:\n  ithacactl store dump /var/backups/ithaca.db\n"
          "  ithacactl store dump etcd:10.0.0.1:2379 -o json\n",
          RunStoreDump};
}

}  // namespace ithaca::cli
