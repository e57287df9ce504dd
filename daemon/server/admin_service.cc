#include "daemon/server/admin_service.h"

#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/groups/rpc_status.h"

namespace ithaca::server {
namespace {

constexpr size_t kChunkBytes = size_t{1} << 20;

grpc::Status Failed(const absl::Status& status, const char* reason,
                    const char* next_step) {
  return groups::ToRpcStatus(groups::ToRefusal(status, reason, next_step));
}

// A folder for one backup, gone with what is in it.
class Folder {
 public:
  explicit Folder(const std::string& parent)
      : path_(parent + "/backup.XXXXXX") {
    made_ = mkdtemp(path_.data()) != nullptr;
  }
  ~Folder() {
    unlink(file().c_str());
    if (made_) rmdir(path_.c_str());
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  bool made() const { return made_; }
  std::string file() const { return path_ + "/store.db"; }

 private:
  std::string path_;
  bool made_ = false;
};

}  // namespace

grpc::Status AdminService::Send(
    const std::string& path,
    grpc::ServerWriter<admin::v1::BackupStoreResponse>* writer) {
  std::ifstream file(path, std::ios::binary);
  std::vector<char> chunk(kChunkBytes);
  admin::v1::BackupStoreResponse part;
  while (file.read(chunk.data(), static_cast<std::streamsize>(chunk.size())) ||
         file.gcount() > 0) {
    part.set_data(chunk.data(), static_cast<size_t>(file.gcount()));
    if (!writer->Write(part)) return grpc::Status::CANCELLED;
  }
  if (file.eof()) return grpc::Status::OK;
  return Failed(absl::UnavailableError("the backup cannot be read back"),
                "STORE_FAILED", "check the disk and the kernel log");
}

grpc::Status AdminService::BackupStore(
    grpc::ServerContext* context, const admin::v1::BackupStoreRequest*,
    grpc::ServerWriter<admin::v1::BackupStoreResponse>* writer) {
  const auto caller =
      gate_->Admit(*context, "/ithaca.admin.v1.AdminService/BackupStore");
  if (!caller.ok()) return groups::ToRpcStatus(caller.refusal());
  const Folder folder(folder_);
  if (!folder.made()) {
    return Failed(absl::UnavailableError(
                      absl::StrCat("cannot make a folder in ", folder_)),
                  "STORE_FAILED", "make space there");
  }
  const absl::Status status = store_->Backup(folder.file());
  if (absl::IsUnimplemented(status))
    return Failed(status, "NOT_A_FILE", "use those");
  if (!status.ok())
    return Failed(status, "STORE_FAILED", "call again when that is repaired");
  return Send(folder.file(), writer);
}

}  // namespace ithaca::server
