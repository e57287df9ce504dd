#include "plugin/socket/fork_guard.h"

#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <mutex>
#include <vector>

namespace ithaca {
namespace {

// What a descriptor referred to when it was opened; device 0 is nothing.
struct File {
  dev_t device = 0;
  ino_t inode = 0;
};

// The state of the process. Held across fork, so that the child finds `files`
// whole; never destroyed.
struct Guard {
  Guard();
  std::mutex mutex;
  std::vector<File> files;  // by descriptor; guarded by mutex
};

Guard& TheGuard() {
  static Guard* const guard = new Guard;
  return *guard;
}

// Only what is allowed between fork and exec: no allocation.
void CloseInChild() {
  std::vector<File>& files = TheGuard().files;
  for (size_t fd = 0; fd < files.size(); ++fd) {
    struct stat now;
    if (files[fd].device == 0 || fstat(fd, &now) != 0) continue;
    // Closed meanwhile, and the number used for something else?
    if (now.st_dev == files[fd].device && now.st_ino == files[fd].inode)
      close(fd);
    files[fd] = {};
  }
}

Guard::Guard() {
  pthread_atfork([] { TheGuard().mutex.lock(); },
                 [] { TheGuard().mutex.unlock(); },
                 [] {
                   CloseInChild();
                   TheGuard().mutex.unlock();
                 });
}

}  // namespace

int OpenForThisProcess(const std::function<int()>& open) {
  Guard& guard = TheGuard();
  const std::lock_guard<std::mutex> lock(guard.mutex);
  const int fd = open();
  struct stat file;
  if (fd < 0 || fstat(fd, &file) != 0) return fd;
  if (guard.files.size() <= static_cast<size_t>(fd)) guard.files.resize(fd + 1);
  guard.files[fd] = {file.st_dev, file.st_ino};
  return fd;
}

}  // namespace ithaca
