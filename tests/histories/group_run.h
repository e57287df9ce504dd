// Actors and watchers on several groups at once, and the judgement of what they
// saw.
//
// Used by the tests of this folder. Threads: confined; it has many. Life: runs
// from the constructor to Finish, once.
#ifndef ITHACA_TESTS_HISTORIES_GROUP_RUN_H_
#define ITHACA_TESTS_HISTORIES_GROUP_RUN_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/histories/group_actor.h"
#include "tests/histories/group_recorder.h"

namespace ithaca::histories {

class GroupRun {
 public:
  struct Options {
    // Sockets of the daemons that actors and watchers use in turn.
    std::vector<std::string> sockets;
    uint64_t seed = 0;
    // Before the groups' numbers; names differ between runs on one store.
    std::string prefix = "g";
    int groups = 3;
    int actors = 3;
    int watchers = 1;
    // As in GroupActor::Options.
    uint32_t group_size = 2;
    bool meetings = false;
    bool spares = false;
    bool deletes = false;
    bool sure = true;
    bool faults_evict = false;
    // See GroupModel: set it where members may be detached.
    bool away = false;
    const FaultLog* faults = nullptr;
  };

  explicit GroupRun(const Options& options);
  ~GroupRun();

  // Ends actors and watchers, and checks every group's history, watches, and
  // the numbers of all. The sum of all groups.
  GroupReport Finish();

 private:
  void End();

  const Options options_;
  std::atomic<bool> stop_{false};
  std::vector<std::unique_ptr<GroupRecorder>> recorders_;
  std::vector<std::thread> threads_;
};

// One line of figures.
std::string Summary(const GroupReport& report);

}  // namespace ithaca::histories

#endif  // ITHACA_TESTS_HISTORIES_GROUP_RUN_H_
