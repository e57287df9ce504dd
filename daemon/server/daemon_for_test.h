// A daemon in a folder of its own, for tests. It can be stopped and started
// again in the same folder.
//
// Threads: the test's. Life: the folder stays, below the test's temporary
// folder.
#ifndef ITHACA_DAEMON_SERVER_DAEMON_FOR_TEST_H_
#define ITHACA_DAEMON_SERVER_DAEMON_FOR_TEST_H_

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "daemon/server/daemon.h"
#include "daemon/server/log.h"

namespace ithaca::server {

// A new folder with a path short enough for a socket.
std::string MakeShortFolder();

class DaemonForTest {
 public:
  // Not started. `options` may be changed before Start.
  DaemonForTest();

  // Fails the test when it cannot.
  void Start();
  void Stop();

  // Null: it is stopped.
  Daemon* daemon() { return daemon_.get(); }
  std::string socket() const { return options.run_dir + "/ithacad.sock"; }
  // What was logged so far.
  std::vector<std::string> LogLines();
  // How many logged lines contain `text`.
  int CountLog(const std::string& text);

  DaemonOptions options;

 private:
  std::mutex mutex_;
  std::vector<std::string> lines_;  // guarded by mutex_
  Log log_;
  std::unique_ptr<Daemon> daemon_;
};

}  // namespace ithaca::server

#endif  // ITHACA_DAEMON_SERVER_DAEMON_FOR_TEST_H_
