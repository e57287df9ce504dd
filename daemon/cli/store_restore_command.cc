// ithacactl store restore.

#include <chrono>
#include <ostream>

#include "daemon/cli/commands.h"
#include "daemon/cli/store_text.h"
#include "daemon/groups/counters_floor.h"
#include "daemon/store/store_files.h"

namespace ithaca::cli {
namespace {

absl::Status RaiseCounters(store::Store* restored, store::Store* replaced) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return groups::RaiseCounters(
      restored, replaced,
      std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
}

int RunStoreRestore(const Context& context) {
  const std::string to = context.args.Get("to");
  if (to.empty()) {
    return context.Fail(absl::InvalidArgumentError(
        "--to: give the file that ithacad runs on, as in its "
        "--store=sqlite:FILE"));
  }
  const auto report =
      store::RestoreStoreFile(context.args.words()[0], to, RaiseCounters);
  if (!report.ok()) return context.Fail(report.status());
  if (context.format != Format::kTable) {
    auto json = FactsJson(to, report->facts);
    json["keptAs"] = report->kept_as;
    context.out << Render(json, context.format);
    return kDone;
  }
  context.out << "restored " << to << ": " << FactsText(report->facts) << "\n";
  if (!report->kept_as.empty())
    context.out << "what was there is " << report->kept_as << " now\n";
  return kDone;
}

}  // namespace

Command StoreRestoreCommand() {
  return {"store restore",
          "Puts a backup in the place of a stopped daemon's store.",
          "BACKUP",
          1,
          {{"to", "FILE", "The store's file. Required."}},
          "Stop ithacad first; a file that it runs on is refused. The backup "
          "is checked, and epochs and incarnations go on above all that the "
          "backup, the replaced store and the clock know of, so that none "
          "comes twice. What was there is kept beside it; nothing is changed "
          "when something fails.\n\n"
          "Example:\n  systemctl stop ithacad\n  ithacactl store restore "
          "backup.db --to /var/lib/ithaca/store.db\n",
          RunStoreRestore};
}

}  // namespace ithaca::cli
