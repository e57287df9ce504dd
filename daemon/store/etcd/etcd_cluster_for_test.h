// A real etcd cluster of one or more members on this machine, whose members can
// be killed, stopped and started again.
//
// Used by tests of the etcd store and of what runs on it:
//
//   if (std::string why = EtcdCluster::WhyNot(); !why.empty())
//     GTEST_SKIP() << why;
//   auto cluster = EtcdCluster::Start({});
//   ... OpenStore("etcd:" + (*cluster)->endpoints()) ...
//
// Threads: confined. Members die with the thread that started them. Life:
// healthy from Start's return; the destructor kills every member and deletes
// the folder.
#ifndef ITHACA_DAEMON_STORE_ETCD_ETCD_CLUSTER_FOR_TEST_H_
#define ITHACA_DAEMON_STORE_ETCD_ETCD_CLUSTER_FOR_TEST_H_

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace ithaca::store::etcd {

class EtcdCluster {
 public:
  struct Member {
    // Address that it listens on, for clients and for other members.
    std::string host = "127.0.0.1";
    // Put before etcd's command, e.g. {"ip", "netns", "exec", "a"}.
    std::vector<std::string> wrapper;
  };
  struct Options {
    std::vector<Member> members = std::vector<Member>(3);
    // Where data and logs are; empty: a new folder below the test's.
    std::string folder;
    // etcd's; a lease lives at least 1.5 election timeouts, rounded up to
    // seconds.
    int heartbeat_ms = 100;
    int election_ms = 1000;
    // More flags for every member.
    std::vector<std::string> flags;
  };

  // Why there can be no cluster on this machine; empty: there can.
  static std::string WhyNot();

  // Starts every member and waits until each answers and there is a leader.
  static absl::StatusOr<std::unique_ptr<EtcdCluster>> Start(Options options);
  ~EtcdCluster();
  EtcdCluster(const EtcdCluster&) = delete;
  EtcdCluster& operator=(const EtcdCluster&) = delete;

  size_t size() const { return members_.size(); }
  // "HOST:PORT,HOST:PORT,...", as after `--store=etcd:`; or one member's.
  std::string endpoints() const;
  std::string endpoint(size_t member) const;
  // 0: it does not run.
  pid_t pid(size_t member) const;

  // SIGKILL, and waits for its end.
  void Kill(size_t member);
  // SIGSTOP and SIGCONT.
  void Pause(size_t member);
  void Resume(size_t member);
  // Starts a member that was killed, on its own data. Does not wait for it.
  absl::Status Restart(size_t member);

  // Waits until every running, unpaused member answers and knows a leader.
  absl::Status WaitUntilHealthy();
  // Index of the leader, as running members say.
  absl::StatusOr<size_t> Leader();

  // Forgets history up to `revision` (0: up to now).
  absl::Status Compact(int64_t revision);

 private:
  struct Process {
    std::string name;
    Member where;
    int client_port = 0;
    int peer_port = 0;
    pid_t pid = 0;
    bool paused = false;
  };

  EtcdCluster() = default;
  absl::Status StartAll();
  std::vector<std::string> Command(const Process& member) const;
  absl::Status Spawn(Process* member);
  std::string LogTail(const Process& member) const;

  Options options_;
  bool owns_folder_ = false;
  std::vector<Process> members_;
};

}  // namespace ithaca::store::etcd

#endif  // ITHACA_DAEMON_STORE_ETCD_ETCD_CLUSTER_FOR_TEST_H_
