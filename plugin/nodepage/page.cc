#include "plugin/nodepage/page.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace ithaca::nodepage {
namespace {

constexpr size_t kBytes = sizeof(PageWords);
// Somebody may remove the page between its making and its opening.
constexpr int kAttempts = 3;

class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) {}
  ~Fd() {
    if (fd_ >= 0) close(fd_);
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  int get() const { return fd_; }

 private:
  const int fd_;
};

// Growing a file beyond the limit would raise SIGXFSZ, which ends the process.
bool MayGrow() {
  rlimit limit;
  return getrlimit(RLIMIT_FSIZE, &limit) != 0 ||
         limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= kBytes;
}

Status Fill(int fd, const std::string& path) {
  if (!MayGrow())
    return Errorf(Code::kResourceExhausted,
                  "%s: the limit of file sizes (ulimit -f) is below %zu bytes",
                  path.c_str(), kBytes);
  const int error = posix_fallocate(fd, 0, kBytes);
  if (error != 0)
    return ErrnoError(Code::kResourceExhausted, error,
                      "%s: cannot have %zu bytes", path.c_str(), kBytes);
  if (pwrite(fd, &kPageHead, sizeof(kPageHead), 0) != sizeof(kPageHead))
    return ErrnoError(Code::kResourceExhausted, errno, "%s: cannot write",
                      path.c_str());
  return Status();
}

// Makes the page complete under a name of its own, then gives it the real one:
// nobody sees half a page, and of several makers the first one wins.
Status Make(const std::string& path) {
  static std::atomic<unsigned> count{0};
  const std::string draft = path + "." + std::to_string(getpid()) + "." +
                            std::to_string(count.fetch_add(1));
  unlink(draft.c_str());  // of a process that had our id and was killed here
  const Fd fd(open(draft.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (fd.get() < 0)
    return ErrnoError(Code::kUnavailable, errno, "cannot make %s",
                      draft.c_str());
  Status status = Fill(fd.get(), draft);
  if (status.ok() && link(draft.c_str(), path.c_str()) != 0 && errno != EEXIST)
    status =
        ErrnoError(Code::kUnavailable, errno, "cannot make %s", path.c_str());
  unlink(draft.c_str());
  return status;
}

Status Alien(const std::string& path, const char* why) {
  return Errorf(Code::kFailedPrecondition,
                "%s %s; remove it when no job runs here, or set ITHACA_RUN_DIR",
                path.c_str(), why);
}

// Who owns a page may cut it short, which would end those who have it mapped:
// that may be us, root, or whom the folder belongs to.
Status CheckOwner(const std::string& run_dir, const std::string& path,
                  const struct stat& file) {
  struct stat folder;
  const bool ours =
      file.st_uid == geteuid() || file.st_uid == 0 ||
      (stat(run_dir.c_str(), &folder) == 0 && folder.st_uid == file.st_uid);
  if (!S_ISREG(file.st_mode)) return Alien(path, "is no file");
  if (!ours) return Alien(path, "belongs to another user");
  if ((file.st_mode & S_IWOTH) != 0)
    return Alien(path, "may be written by all");
  return Status();
}

// Whether all of the file has room on its device. One with holes gets it.
bool IsAllocated(int fd, const struct stat& file) {
  if (fallocate(fd, 0, 0, kBytes) == 0) return true;
  return errno == EOPNOTSUPP &&
         static_cast<uint64_t>(file.st_blocks) * 512 >= kBytes;
}

StatusOr<PageWords*> Map(const std::string& run_dir, const std::string& path,
                         int fd) {
  struct stat file;
  if (fstat(fd, &file) != 0)
    return ErrnoError(Code::kUnavailable, errno, "%s", path.c_str());
  ITHACA_RETURN_IF_ERROR(CheckOwner(run_dir, path, file));
  PageHead head{};
  if (file.st_size != kBytes ||
      pread(fd, &head, sizeof(head), 0) != sizeof(head) ||
      memcmp(&head, &kPageHead, sizeof(head)) != 0)
    return Alien(path, "is no node page of this version");
  if (!MayGrow() || !IsAllocated(fd, file))
    return Errorf(Code::kResourceExhausted, "%s: no room on its file system",
                  path.c_str());
  void* const memory =
      mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED)
    return ErrnoError(Code::kUnavailable, errno, "cannot map %s", path.c_str());
  return static_cast<PageWords*>(memory);
}

}  // namespace

StatusOr<std::string> RunDir(const std::string& chosen) {
  if (!chosen.empty()) return chosen;
  if (geteuid() == 0) return std::string("/run/ithaca");
  const char* const user = getenv("XDG_RUNTIME_DIR");
  if (user != nullptr && *user != '\0') return std::string(user) + "/ithaca";
  return Status(Code::kNotFound,
                "no run directory: neither ITHACA_RUN_DIR nor XDG_RUNTIME_DIR "
                "is set");
}

StatusOr<std::shared_ptr<NodePage>> NodePage::Open(const std::string& run_dir) {
  if (mkdir(run_dir.c_str(), 0750) != 0 && errno != EEXIST)
    return ErrnoError(Code::kUnavailable, errno, "cannot make the folder %s",
                      run_dir.c_str());
  const std::string path = run_dir + "/" + kPageFile;
  for (int attempt = 0;; ++attempt) {
    // Not blocking: it may be a pipe.
    const Fd fd(
        open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (fd.get() >= 0) {
      StatusOr<PageWords*> words = Map(run_dir, path, fd.get());
      if (!words.ok()) return words.status();
      return std::shared_ptr<NodePage>(new NodePage(*words));
    }
    if (errno != ENOENT || attempt == kAttempts)
      return ErrnoError(Code::kUnavailable, errno, "cannot open %s",
                        path.c_str());
    ITHACA_RETURN_IF_ERROR(Make(path));
  }
}

NodePage::~NodePage() { munmap(words_, kBytes); }

}  // namespace ithaca::nodepage
