// ithacactl version.

#include <ostream>

#include "daemon/cli/commands.h"
#include "daemon/server/version.h"

namespace ithaca::cli {
namespace {

int RunVersion(const Context& context) {
  if (context.format == Format::kTable) {
    context.out << "ithacactl " << server::kVersion << "\n";
    return kDone;
  }
  const nlohmann::ordered_json answer = {{"version", server::kVersion}};
  context.out << Render(answer, context.format);
  return kDone;
}

}  // namespace

Command VersionCommand() {
  return {"version", "Prints the version of ithacactl.",        "",        0,
          {},        "Example:\n  ithacactl version -o json\n", RunVersion};
}

}  // namespace ithaca::cli
