// A watch of etcd that goes on for ever: over members that die, over lost
// connections, and over compactions, which it bridges by the difference.
//
// Used by EtcdStore. Threads: its own thread calls back. Life: goes before its
// reader and client; the destructor waits for a callback that runs.
#ifndef ITHACA_DAEMON_STORE_ETCD_ETCD_WATCH_H_
#define ITHACA_DAEMON_STORE_ETCD_ETCD_WATCH_H_

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

#include "daemon/store/etcd/client.h"
#include "daemon/store/etcd/reader.h"
#include "daemon/store/known_keys.h"
#include "daemon/store/store.h"

namespace ithaca::store::etcd {

class EtcdWatch : public WatchHandle {
 public:
  EtcdWatch(Client* client, const Layout* layout, const Reader* reader,
            std::string prefix, int64_t after, WatchCallback callback);
  ~EtcdWatch() override;

 private:
  // Why a stream ended.
  enum class End { kBroken, kNeedsCatchUp };

  void Run();
  bool Stopped();
  // Waits a little; whether to go on.
  bool Pause();
  // Tells everything, or the difference, until it could. False: stopped.
  bool CatchUp();
  End RunStream(const Endpoint& endpoint);
  // One response; whether the stream goes on.
  bool Take(const etcdserverpb::WatchResponse& response, WatchBatch* pending,
            End* end);
  bool TakeEvents(const etcdserverpb::WatchResponse& response,
                  WatchBatch* pending);
  void Tell(const WatchBatch& batch);

  Client* const client_;
  const Layout* const layout_;
  const Reader* const reader_;
  const std::string prefix_;
  const WatchCallback callback_;

  std::mutex mutex_;
  std::condition_variable wake_;
  bool stop_ = false;                       // guarded by mutex_
  grpc::ClientContext* context_ = nullptr;  // guarded by mutex_; of the stream
  // Below: the thread's alone.
  int64_t position_;
  bool told_ = false;
  KnownKeys known_;
  std::thread thread_;  // last: uses all above
};

}  // namespace ithaca::store::etcd

#endif  // ITHACA_DAEMON_STORE_ETCD_ETCD_WATCH_H_
