// One communicator's network: its sockets, lanes and connections, and one lock.
//
// NCCL calls a context from up to four threads; every call takes the engine's
// lock, does a bounded amount of work and returns. Listening, connecting and
// moving data all go on inside NCCL's calls; only what is left to do when NCCL
// calls no more goes on in the caretaker's thread.
//
// Life cycle: the runtime makes one per init; every communicator object keeps
// it alive, so finalize and the closes may come in any order.
#ifndef ITHACA_PLUGIN_NET_ENGINE_H_
#define ITHACA_PLUGIN_NET_ENGINE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "plugin/core/clock.h"
#include "plugin/core/log.h"
#include "plugin/core/options.h"
#include "plugin/core/status.h"
#include "plugin/net/caretaker.h"
#include "plugin/net/comms.h"
#include "plugin/net/devices.h"
#include "plugin/net/rail_events.h"
#include "plugin/nodepage/credit_ledger.h"
#include "plugin/rails/credit_broker.h"
#include "plugin/shm/shm_backend.h"
#include "plugin/socket/acceptor.h"
#include "plugin/socket/poller.h"
#include "plugin/transport/connection.h"
#include "plugin/transport/handle.h"
#include "plugin/transport/handshake.h"
#include "plugin/transport/lane.h"
#include "plugin/transport/rail.h"

namespace ithaca::net {

class Engine final : public ConnectionOwner,
                     public HelloSink,
                     public Caretaker::Charge,
                     public std::enable_shared_from_this<Engine> {
 public:
  struct Config {
    Options options;
    std::vector<Rail> rails;
    uint64_t comm_id = 0;
    // Which host this is (shm/host_identity.h); 0: no lanes over shared memory.
    uint64_t host = 0;
    const Clock* clock = nullptr;
    LogSink* log = nullptr;
    // Null: every engine grants as if it were alone on its rails.
    std::shared_ptr<nodepage::NodePage> page;
    // Null: what nobody polls stands still. Outlives the engine.
    Caretaker* caretaker = nullptr;
  };

  // `ucx` is null when lanes are plain sockets alone.
  static StatusOr<std::shared_ptr<Engine>> Create(
      Config config, std::unique_ptr<LaneBackend> ucx);
  ~Engine() override;

  std::mutex& mutex() { return mutex_; }

  // --- All below: REQUIRES the lock.

  // Starts to listen on the device's rails; fills `handle` (kHandleSize bytes).
  StatusOr<std::unique_ptr<ListenComm>> Listen(const Device& device,
                                               void* handle);

  // One step towards a connection to the listener of `handle`, in which the
  // engine notes its attempt. Null: call again with the same buffer, within the
  // peer time-out.
  StatusOr<std::unique_ptr<SendComm>> Connect(const Device& device,
                                              void* handle);

  // The next connection made to `listener`, or null: call again.
  StatusOr<std::unique_ptr<RecvComm>> Accept(ListenComm* listener);

  // NCCL needs the connection no more. It goes at once, or when the messages
  // have arrived that it has still to see to.
  void Close(std::unique_ptr<SendComm> comm);
  // How many have not gone yet.
  size_t leaving() const { return leaving_.size(); }

  // Moves what can be moved: reads, writes, grants, acknowledges.
  void Progress();
  // Sends what was queued just now, without looking for more to do.
  void Kick();

  // --- For the communicator objects (comms.h).

  // A lane to what `dialer` was welcomed by, as number `index` of the comm.
  Status FinishDial(Dialer* dialer, int index, uint32_t dial, Comm* comm);
  // Completes a hello to be sent over `rail`. With `shm` it offers shared
  // memory, else UCX where there is such.
  Status Greet(Hello* hello, int rail, bool shm);
  // Whether the listener of `handle` may be reached over shared memory.
  bool OnOurHost(const Handle& handle) const;
  void ExpireLater(LaneGuard* guard);
  void Forget(LaneGuard* guard);
  void Forget(ListenComm* listener);
  void Forget(SendComm* comm);
  void Forget(RecvComm* comm);

  const Config& config() const { return config_; }
  Poller* poller() { return poller_.get(); }
  const rails::CreditBroker& broker() const { return broker_; }
  // Losses and returns of a rail's lanes, for telemetry.
  const RailCounters& rail_counters(int rail) const {
    return rail_events_.counters(rail);
  }

  // Takes the lock, and polls if nobody has for long.
  bool LookAfter() override;

  // ConnectionOwner.
  void OnWantsFlush(Connection* connection) override;
  void OnWantsFlushSoon(Connection* connection) override;
  void OnWantsFlushLater(Connection* connection) override;
  void OnFailed(Connection* connection) override;
  void OnBusy(Connection* connection) override;
  void OnLaneLost(Connection* connection, int rail, const Status& why) override;
  void OnLaneBack(Connection* connection, int rail) override;
  void OnRegranted(int rail, uint64_t bytes) override;

 private:
  Engine(Config config, std::unique_ptr<LaneBackend> ucx);

  // A connection in the making, between two calls of Connect().
  struct Attempt {
    std::unique_ptr<SendComm> comm;
    int64_t asked_ns = 0;  // the last such call
  };

  void MakeShm();
  void MakeLedger();
  // Learns what other engines leave of our rails' windows.
  void ShareRails(int64_t now_ns);
  bool OnHello(int rail, int fd, const std::string& peer,
               const Hello& hello) override;
  RecvComm* ReceiverFor(const Hello& hello, const std::string& peer);
  bool Refuse(int fd, Verdict verdict, const std::string& why);
  bool IsLate(const Hello& hello) const;
  bool OnKnock(int fd, const Hello& hello);
  void Answer(int fd, const Welcome& welcome);
  Status AddAcceptedLane(RecvComm* comm, int rail, int fd,
                         const std::string& name, const Hello& hello);
  // A lane of the best kind other than sockets that the hello offers, and what
  // to answer; null when none can be had.
  std::unique_ptr<Lane> OpenOffered(RecvComm* comm, int rail,
                                    const std::string& name, const Hello& hello,
                                    Welcome* welcome);
  StatusOr<std::unique_ptr<Lane>> OpenUcx(RecvComm* comm, int rail,
                                          const Hello& hello, Welcome* welcome);
  StatusOr<std::unique_ptr<Lane>> OpenWelcomed(const Dialer& dialer,
                                               Connection* connection);
  void Forget(Connection* connection);
  void Tick(int64_t now_ns);
  // Ends the attempts that nobody has asked for within the peer time-out.
  void ExpireAttempts(int64_t now_ns);
  void WatchComms(int64_t now_ns);
  void EndLeaving(int64_t now_ns);
  // Asks the caretaker to look, unless it does.
  void WantCare();
  void DropFailed();
  uint64_t Random();

  const Config config_;
  std::mutex mutex_;
  // Destroyed last: everything below has sockets in it.
  std::unique_ptr<Poller> poller_;
  const std::unique_ptr<LaneBackend> ucx_;
  std::unique_ptr<ShmBackend> shm_;  // null: not wanted, or not to be had
  rails::CreditBroker broker_;
  std::unique_ptr<nodepage::CreditLedger> ledger_;  // null: no page
  std::vector<nodepage::RailUse> rail_uses_;
  std::unique_ptr<Acceptor> acceptor_;
  RailEvents rail_events_;

  std::map<uint64_t, ListenComm*> listeners_;           // by id
  std::map<ConnectionId, RecvComm*> receivers_;         // all that exist
  std::map<ConnectionId, SendComm*> senders_;           // all that exist
  std::unordered_map<const Connection*, Comm*> comms_;  // all of both
  std::map<uint64_t, Attempt> attempts_;                // not yet connected
  std::map<LaneGuard*, int64_t> expiring_;              // when
  std::set<SendComm*> dialing_;  // those with lanes still to come
  std::vector<Comm*> watched_;   // those with work, or lanes to restore
  // Closed, with messages that are not acknowledged; and until when.
  struct Leaving {
    std::unique_ptr<SendComm> comm;
    int64_t deadline_ns;
  };
  std::vector<Leaving> leaving_;
  std::shared_ptr<Engine> self_;  // meanwhile, when there is a caretaker
  std::vector<Connection*> to_flush_;
  std::vector<Connection*> to_flush_soon_;  // by flush_soon_by_ns_
  int64_t flush_soon_by_ns_ = 0;
  std::vector<Connection*> to_flush_later_;  // in the next tick
  std::vector<Connection*> to_reap_;
  std::vector<Connection*> failed_;
  uint64_t next_id_ = 1;
  int64_t last_tick_ns_ = 0;
  int64_t last_expiry_ns_ = 0;
  int64_t last_watch_ns_ = 0;
  int64_t last_idle_ns_ = 0;
  int64_t last_poll_ns_ = 0;
  bool cared_for_ = false;
};

}  // namespace ithaca::net

#endif  // ITHACA_PLUGIN_NET_ENGINE_H_
