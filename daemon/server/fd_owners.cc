#include "daemon/server/fd_owners.h"

#include <fcntl.h>
#include <unistd.h>

#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"

namespace ithaca::server {

bool FdOwners::TakeNumber(int fd, const Peer& peer) {
  std::lock_guard<std::mutex> lock(mutex_);
  const auto found = owners_.find(fd);
  if (found == owners_.end()) {
    owners_[fd] = peer;
    return true;
  }
  if (found->second.uid != peer.uid || found->second.gid != peer.gid)
    return false;
  found->second = peer;
  return true;
}

std::optional<int> FdOwners::Assign(int fd, const Peer& peer) {
  if (TakeNumber(fd, peer)) return fd;
  int moved = fd;
  for (;;) {
    const int next = fcntl(fd, F_DUPFD_CLOEXEC, moved + 1);
    if (next < 0) break;
    moved = next;
    if (TakeNumber(moved, peer)) {
      close(fd);
      return moved;
    }
    close(moved);
  }
  close(fd);
  return std::nullopt;
}

std::optional<Peer> FdOwners::Find(const std::string& grpc_peer) const {
  absl::string_view number = grpc_peer;
  int fd = -1;
  if (!absl::ConsumePrefix(&number, "fd:") || !absl::SimpleAtoi(number, &fd)) {
    return std::nullopt;
  }
  std::lock_guard<std::mutex> lock(mutex_);
  const auto found = owners_.find(fd);
  if (found == owners_.end()) return std::nullopt;
  return found->second;
}

}  // namespace ithaca::server
