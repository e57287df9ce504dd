// The machine, process and job that the doctor looks at, behind functions, so
// that a test can show it any other.
//
// Filled by ThisHost for real, or field by field in tests. Threads: one.
#ifndef ITHACA_DAEMON_DOCTOR_HOST_H_
#define ITHACA_DAEMON_DOCTOR_HOST_H_

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace ithaca::doctor {

struct FileSystem {
  uint64_t free_bytes = 0;
  // NFS, Lustre and the like: locks and syncs of theirs are not to be trusted.
  bool network = false;
  // Empty after a reboot.
  bool memory = false;
};

struct DaemonAnswer {
  // Empty: it answers.
  std::string error;
  // Empty: it tells none.
  std::string version;
  // Services that do not serve.
  std::vector<std::string> not_serving;
};

struct Library {
  // Empty: it was loaded.
  std::string error;
  // Where it lies; empty: not known.
  std::string path;
  // Of the symbols that were asked for, those that it has.
  std::set<std::string> symbols;
  // Of NCCL itself, e.g. 22809.
  std::optional<int> nccl_version;
};

struct Interface {
  std::string name;
  bool up = false;
  bool loopback = false;
  bool bridge = false;
  // Numeric; none: it carries no traffic.
  std::vector<std::string> addresses;
  // 0: unknown.
  int64_t speed_mbps = 0;
  int64_t mtu = 0;
};

struct EtcdAnswer {
  std::string error;
  std::string version;
};

struct Host {
  // Stands before absolute paths of /etc, /proc and /sys; empty: the real ones.
  std::string root;
  std::map<std::string, std::string> environment;
  uid_t uid = 0;
  // Our own version.
  std::string version;
  // What ithacad is started with: paths, and the store as in --store.
  std::string run_dir;
  std::string socket;
  std::string store;
  std::string tls_cert;
  std::string tls_ca;

  std::function<std::optional<FileSystem>(const std::string& path)> file_system;
  std::function<DaemonAnswer(const std::string& socket)> ask_daemon;
  // Looks in `folders` first, then where the loader looks.
  std::function<Library(const std::string& name,
                        const std::vector<std::string>& folders,
                        const std::vector<std::string>& symbols)>
      load;
  std::function<std::vector<Interface>()> interfaces;
  // The soft limit of an RLIMIT_*; nothing: none.
  std::function<std::optional<uint64_t>(int resource)> limit;
  // Whether the clock is kept by something (NTP, PTP).
  std::function<bool()> clock_is_kept;
  std::function<int64_t()> unix_seconds;
  // Of one endpoint, HOST:PORT, of those in `store`.
  std::function<EtcdAnswer(const std::string& endpoint)> ask_etcd;

  // Empty: unset.
  std::string Env(const std::string& name) const;
  // The file's text below `root`, without white space at the end; nothing:
  // cannot be read.
  std::optional<std::string> Read(const std::string& path) const;
  // Its first number.
  std::optional<int64_t> ReadNumber(const std::string& path) const;
};

// The folders of a list like LD_LIBRARY_PATH's.
std::vector<std::string> SplitFolders(const std::string& list);

}  // namespace ithaca::doctor

#endif  // ITHACA_DAEMON_DOCTOR_HOST_H_
