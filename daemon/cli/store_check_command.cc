// ithacactl store check.

#include <ostream>

#include "daemon/cli/commands.h"
#include "daemon/cli/store_text.h"
#include "daemon/store/store_files.h"

namespace ithaca::cli {
namespace {

int RunStoreCheck(const Context& context) {
  const std::string& file = context.args.words()[0];
  const auto facts = store::CheckStoreFile(file);
  if (!facts.ok()) return context.Fail(facts.status());
  if (context.format == Format::kTable) {
    context.out << context.Good("whole") << ": " << FactsText(*facts) << "\n";
  } else {
    context.out << Render(FactsJson(file, *facts), context.format);
  }
  return kDone;
}

}  // namespace

Command StoreCheckCommand() {
  return {"store check",
          "Reads a store's file, or a backup, to the last byte.",
          "FILE",
          1,
          {},
          "Exit status 1: it is damaged, is no store, or a daemon runs on it "
          "(then make a backup and check that).\n\n"
          "Example:\n  ithacactl store check /var/backups/ithaca.db\n",
          RunStoreCheck};
}

}  // namespace ithaca::cli
