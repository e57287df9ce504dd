// A TCP proxy in front of one etcd member that loses what it is told to lose.
//
// Used by the etcd store's fault tests. Threads: any; one of its own carries
// the bytes. Life: listens from Start's return; the destructor closes
// everything.
#ifndef ITHACA_DAEMON_STORE_ETCD_FAULT_PROXY_FOR_TEST_H_
#define ITHACA_DAEMON_STORE_ETCD_FAULT_PROXY_FOR_TEST_H_

#include <chrono>
#include <condition_variable>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

namespace ithaca::store::etcd {

class FaultProxy {
 public:
  enum class Mode {
    kPass,
    // Requests go through, answers are lost.
    kSwallowAnswers,
    // Nothing goes through; connections stay.
    kBlackhole,
    // As kBlackhole, but requests are kept; ReleaseHeld sends them.
    kHoldRequests,
    // Connections are closed, new ones too.
    kRefuse,
  };

  // In front of "127.0.0.1:PORT".
  explicit FaultProxy(const std::string& upstream);
  ~FaultProxy();

  // "127.0.0.1:PORT".
  std::string endpoint() const;

  void Set(Mode mode);
  // Every answer comes this late.
  void SetDelay(std::chrono::milliseconds delay);
  // Closes all connections that there are.
  void CutAll();
  // Sends what was held, but for the frames with which the client gave its
  // calls up meanwhile, and waits until each member answered something.
  void ReleaseHeld();

 private:
  struct Chunk {
    std::chrono::steady_clock::time_point due;
    std::string bytes;
  };
  struct Pair {
    int client = -1;
    int server = -1;
    bool dead = false;
    std::string held;
    std::list<Chunk> late;
    size_t answered = 0;
  };

  void Run();
  void Accept();
  void Carry(Pair* pair, bool from_client);
  void SendLate(Pair* pair);

  const int upstream_port_;
  int listener_ = -1;
  int port_ = 0;
  std::mutex mutex_;
  std::condition_variable answered_;
  // Below guarded by mutex_.
  Mode mode_ = Mode::kPass;
  std::chrono::milliseconds delay_{0};
  std::list<std::unique_ptr<Pair>> pairs_;
  bool stop_ = false;
  std::thread thread_;  // last: uses all above
};

}  // namespace ithaca::store::etcd

#endif  // ITHACA_DAEMON_STORE_ETCD_FAULT_PROXY_FOR_TEST_H_
