// ithacactl store backup.

#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <ostream>

#include "daemon/cli/commands.h"
#include "daemon/cli/store_text.h"
#include "daemon/clients/cc/rpc_error.h"
#include "daemon/store/store_files.h"
#include "ithaca/admin/v1/admin.grpc.pb.h"

namespace ithaca::cli {
namespace {

// A file of the daemon's bytes, gone with the object.
class Received {
 public:
  explicit Received(const std::string& path) : path_(path + ".receiving") {}
  ~Received() { unlink(path_.c_str()); }
  const std::string& path() const { return path_; }

  absl::Status Fetch(client::Client* client) {
    const auto stub = admin::v1::AdminService::NewStub(client->channel());
    grpc::ClientContext context;
    auto reader = stub->BackupStore(&context, {});
    unlink(path_.c_str());
    const mode_t mask = umask(0077);
    std::ofstream file(path_, std::ios::binary);
    umask(mask);
    admin::v1::BackupStoreResponse part;
    while (file && reader->Read(&part)) file << part.data();
    file.close();
    if (!file) context.TryCancel();
    const grpc::Status status = reader->Finish();
    if (!file) {
      return absl::PermissionDeniedError(
          path_ + ": cannot be written; see its folder, and its space");
    }
    return status.ok() ? absl::OkStatus() : client::FromRpc(status);
  }

 private:
  const std::string path_;
};

absl::Status FromDaemon(const Context& context, const std::string& to) {
  const auto client = context.Connect();
  if (!client.ok()) return client.status();
  Received received(to);
  if (absl::Status s = received.Fetch(client->get()); !s.ok()) return s;
  return store::BackupStoreFile(received.path(), to);
}

int RunStoreBackup(const Context& context) {
  const std::string& to = context.args.words()[0];
  const absl::Status status =
      context.args.Has("from")
          ? store::BackupStoreFile(context.args.Get("from"), to)
          : FromDaemon(context, to);
  if (!status.ok()) return context.Fail(status);
  const auto facts = store::CheckStoreFile(to);
  if (!facts.ok()) return context.Fail(facts.status());
  if (context.format == Format::kTable) {
    context.out << "backed up to " << to << ": " << FactsText(*facts) << "\n";
  } else {
    context.out << Render(FactsJson(to, *facts), context.format);
  }
  return kDone;
}

}  // namespace

Command StoreBackupCommand() {
  return {"store backup",
          "Copies the store of the daemon, while it runs, or of a file.",
          "FILE",
          1,
          {{"from", "FILE",
            "A store that no daemon runs on. Default: asks the daemon for its "
            "own, as root or as its user."}},
          "The copy is checked before it has its name; a file of that name is "
          "never replaced. A cluster's store is backed up with `etcdctl "
          "snapshot save`.\n\n"
          "Example:\n  ithacactl store backup /var/backups/ithaca-$(date +%F)"
          ".db\n",
          RunStoreBackup};
}

}  // namespace ithaca::cli
