// Runs the group machine: one thread, commands in order, and the store before
// the world.
//
// Commands are posted from any thread and run one after another on the engine's
// own. What a run of commands changed is written in one transaction; only then
// are the commands' answers given and the effects delivered. When the write
// fails, nothing of it was shown to anyone: the answers become refusals, the
// machine is thrown away and read from the store again. So the store, the
// machine and what clients were told never disagree.
//
// An engine claims the store when it starts (claim.h). When another one does so
// later, this one's writes fail, nobody is told anything more by it, and it
// says so (on_claim_lost).
//
// Used by GroupsService; knows nothing of gRPC. Threads: Post from any;
// everything it calls back runs on its own thread, without a lock held. Life:
// Start, then Stop, which runs what was posted before it; Post after Stop
// answers with DRAINING.
#ifndef ITHACA_DAEMON_GROUPS_GROUP_ENGINE_H_
#define ITHACA_DAEMON_GROUPS_GROUP_ENGINE_H_

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/groups/group_machine.h"
#include "daemon/groups/types.h"
#include "daemon/store/store.h"

namespace ithaca::groups {

// Who is told. All calls come from the engine's thread.
class EngineListener {
 public:
  virtual ~EngineListener() = default;
  // What is durable now and must be told, in this order: notices, ended,
  // answers. `machine` is as it is after them.
  virtual void Deliver(const Effects& effects, const GroupMachine& machine) = 0;
  // The write of these effects failed: nothing of it happened. Members in
  // `lost` are gone nevertheless.
  virtual void WriteFailed(const Effects& effects, const Refusal& why) = 0;
  // The machine was read again, everyone detached: attach those whose stream is
  // open (GroupMachine::Attach), and end the streams of those that it does not
  // know.
  virtual void Reattach(GroupMachine* machine) = 0;
  // Another engine has the store. This one refuses everything from now on:
  // every stream and wait is to end with `why`.
  virtual void ClaimLost(const Refusal& why) = 0;
};

class GroupEngine {
 public:
  // What a command sees and leaves behind.
  struct Turn {
    GroupMachine& machine;
    store::Store& store;
    Millis now;
    Effects& effects;
  };
  using Work = std::function<void(Turn&)>;
  // Called once per posted command, after its changes are durable (nothing), or
  // when they could not be made (why).
  using Answer = std::function<void(const std::optional<Refusal>&)>;

  struct Options {
    Limits limits;
    // Must outlive the engine.
    store::Store* store = nullptr;
    EngineListener* listener = nullptr;
    std::function<Millis()> clock;
    // Milliseconds since 1970, below which no number is given out. Null: none.
    std::function<int64_t()> wall_clock;
    // What must hold when it claims the store first.
    std::vector<store::Compare> claim_while;
    // Once, when another engine has claimed the store. Null: nobody else can.
    std::function<void(const std::string& why)> on_claim_lost;
    // Whether what was written is still all that there is, so that it can be
    // told from memory. Null: always.
    std::function<bool()> may_answer;
    // See GroupMachine::SetReplanner. On the engine's thread.
    Replanner replanner;
    // Told once per failure of the store, and once when it works again.
    std::function<void(const std::string&)> log;
  };

  // Claims and reads the store. Errors as ClaimStore and LoadGroups.
  static absl::StatusOr<std::unique_ptr<GroupEngine>> Start(Options options);
  ~GroupEngine();

  enum class Batching {
    // What was posted before it may be written together with it.
    kTogether,
    // That is written and told first: it would be told of what the command
    // takes away.
    kApart,
  };
  void Post(Work work, Answer answer, Batching batching = Batching::kTogether);
  void Stop();

  // As it is on the disk. REQUIRES: called from an answer that is told of no
  // failure.
  const GroupMachine& machine() const { return *machine_; }

 private:
  struct Command {
    Work work;
    Answer answer;
    Batching batching;
  };
  struct Batch {
    Effects effects;
    std::vector<Answer> answers;
  };

  explicit GroupEngine(Options options);
  absl::Status Load(bool again);
  void Loop();
  std::deque<Command> WaitForCommands();
  void RunAll(std::deque<Command> commands);
  void Tick();
  void Commit(Batch* batch);
  std::optional<Refusal> Write(const Batch& batch);
  // Why what is in memory must not be told; nothing: it may.
  std::optional<Refusal> CannotTell() const;
  void WriteFailed(const Batch& batch, const Refusal& why);
  void TryReload();
  void LoseClaim(const std::string& why);
  void CarryGraceOver(const GroupMachine* old);

  const Options options_;
  const std::string claim_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Command> queue_;  // guarded by mutex_
  bool stopping_ = false;      // guarded by mutex_
  std::thread thread_;

  // Below: the engine's thread only (and Start, before it runs).
  // Null: the store could not be read after a failed write.
  std::unique_ptr<GroupMachine> machine_;
  int64_t counters_revision_ = 0;
  bool claim_lost_ = false;
  std::optional<Refusal> broken_;
  Millis next_reload_ = 0;
};

}  // namespace ithaca::groups

#endif  // ITHACA_DAEMON_GROUPS_GROUP_ENGINE_H_
