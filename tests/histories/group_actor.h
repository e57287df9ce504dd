// A client that does random things to one group through a daemon, as one member
// after another life of it, and writes all of it down.
//
// Used by the histories of groups. Threads: Run blocks on one; each actor has
// its own. Life: Run once.
#ifndef ITHACA_TESTS_HISTORIES_GROUP_ACTOR_H_
#define ITHACA_TESTS_HISTORIES_GROUP_ACTOR_H_

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <string>

#include "tests/histories/group_model.h"
#include "tests/histories/group_recorder.h"
#include "tests/histories/group_seen.h"
#include "tests/histories/member_stream.h"

namespace ithaca::histories {

class GroupActor {
 public:
  struct Options {
    // Of the daemon.
    std::string socket;
    int client = 0;
    uint64_t seed = 0;
    uint32_t group_size = 2;
    // Barriers, commits, spares: not of every daemon.
    bool meetings = false;
    bool spares = false;
    // Now and then the group is deleted, by force.
    bool deletes = false;
    // See Conclude.
    bool sure = true;
    // Faults take members' nodes away under their open streams, as in a
    // cluster.
    bool faults_evict = false;
    // Shared, and outlive the actor.
    GroupRecorder* recorder = nullptr;
    const FaultLog* faults = nullptr;
  };

  explicit GroupActor(const Options& options);

  // Until `stop`; then leaves its stream.
  void Run(const std::atomic<bool>& stop);

 private:
  using Kind = GroupCall::Kind;

  int64_t Below(int64_t bound);
  void Outside();
  void Inside();
  // ---- calls
  void Create();
  void Get();
  void Delete();
  void OpenStream(uint64_t incarnation);
  void Leave();
  void Publish(uint64_t epoch);
  void GetBlob(uint64_t epoch);
  void Meet(uint64_t epoch);
  // ---- and what they share
  Outcome Do(GroupCall* call, int64_t wait_ms,
             const std::function<grpc::Status(grpc::ClientContext*)>& rpc);
  GroupCall Fenced(Kind kind, uint64_t epoch) const;
  groups::v1::Fence FenceOf(const GroupCall& call) const;
  groups::v1::JoinGroupRequest JoinRequest(const GroupCall& call) const;
  void StreamOver(bool replaced = false);
  void GiveReason(int64_t since_ns);
  void EndLife();
  void WaitForDaemon();

  const Options options_;
  const std::string member_;
  std::mt19937_64 random_;
  const std::atomic<bool>* stop_ = nullptr;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<groups::v1::GroupsService::Stub> stub_;
  std::unique_ptr<MemberStream> stream_;
  // Of this life; 0: none.
  uint64_t incarnation_ = 0;
  // When its stream was opened last.
  int64_t opened_ns_ = 0;
  // When it was asked for.
  int64_t born_ns_ = 0;
  uint64_t round_epoch_ = 0;
  uint64_t round_ = 1;
  uint64_t attempt_ = 0;
  uint64_t value_ = 0;
  int streams_ = 0;
};

// A channel of its own that tries again soon when the daemon is away.
std::shared_ptr<grpc::Channel> ActorChannel(const std::string& socket);

}  // namespace ithaca::histories

#endif  // ITHACA_TESTS_HISTORIES_GROUP_ACTOR_H_
