#include "daemon/clients/cc/socket_path.h"

#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>

#include "absl/strings/str_cat.h"

namespace ithaca::client {
namespace {

constexpr char kSystemRunDir[] = "/run/ithaca";

const char* FromEnvironment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0' ? value : nullptr;
}

}  // namespace

absl::StatusOr<std::string> RunDirectory() {
  if (const char* chosen = FromEnvironment("ITHACA_RUN_DIR"))
    return std::string(chosen);
  if (geteuid() == 0) return std::string(kSystemRunDir);
  if (const char* user = FromEnvironment("XDG_RUNTIME_DIR")) {
    return absl::StrCat(user, "/ithaca");
  }
  return absl::FailedPreconditionError(
      "no run directory: neither ITHACA_RUN_DIR nor XDG_RUNTIME_DIR is set; "
      "set "
      "ITHACA_RUN_DIR to a folder that only you can write");
}

absl::StatusOr<std::string> SocketIn(const std::string& run_dir) {
  std::string path = absl::StrCat(run_dir, "/ithacad.sock");
  constexpr size_t kMax = sizeof(sockaddr_un::sun_path) - 1;
  if (path.size() <= kMax) return path;
  return absl::InvalidArgumentError(
      absl::StrCat("run directory ", run_dir, ": the socket's path would have ",
                   path.size(), " bytes, and ", kMax,
                   " are possible; set ITHACA_RUN_DIR to a shorter one"));
}

absl::StatusOr<std::string> ClientSocket() {
  const absl::StatusOr<std::string> run_dir = RunDirectory();
  const bool chosen = FromEnvironment("ITHACA_RUN_DIR") != nullptr;
  if (!run_dir.ok()) return SocketIn(kSystemRunDir);
  const absl::StatusOr<std::string> own = SocketIn(*run_dir);
  if (chosen || !own.ok() || access(own->c_str(), F_OK) == 0) return own;
  const absl::StatusOr<std::string> system = SocketIn(kSystemRunDir);
  return system.ok() && access(system->c_str(), F_OK) == 0 ? system : own;
}

}  // namespace ithaca::client
