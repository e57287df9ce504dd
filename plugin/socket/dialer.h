// Opens one lane's socket to a listener: connect, hello, welcome.
//
// Tries the pairs of a local and a remote rail in the order given until one
// answers. Used with the engine's lock held; never blocks.
#ifndef ITHACA_PLUGIN_SOCKET_DIALER_H_
#define ITHACA_PLUGIN_SOCKET_DIALER_H_

#include <sys/socket.h>

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "plugin/core/status.h"
#include "plugin/socket/poller.h"
#include "plugin/transport/handshake.h"
#include "plugin/transport/rail.h"

namespace ithaca {

class Dialer : private Pollable {
 public:
  struct Target {
    int rail;  // local, an index into the rails
    sockaddr_storage address;
  };
  enum class State { kTrying, kWelcome, kFailed };
  // How long a pair may take to connect, and then to send its welcome. 0: an
  // equal share of the time-out, the last pair without end; and without end.
  struct Patience {
    int64_t connect_ns = 0;
    int64_t welcome_ns = 0;
  };

  // `hello_for(rail)` makes the hello to send over a local rail. `rails` and
  // `poller` outlive the dialer.
  Dialer(const std::vector<Rail>* rails, std::vector<Target> targets,
         std::function<StatusOr<Hello>(int rail)> hello_for, int timeout_s,
         Poller* poller, Patience patience);
  Dialer(const std::vector<Rail>* rails, std::vector<Target> targets,
         std::function<StatusOr<Hello>(int rail)> hello_for, int timeout_s,
         Poller* poller)
      : Dialer(rails, std::move(targets), std::move(hello_for), timeout_s,
               poller, Patience()) {}
  ~Dialer() override;

  // Starts the first attempt. Later calls do nothing.
  void Start();
  // Gives the current pair up for the next when it took too long. Call now and
  // then.
  void HurryUp(int64_t now_ns);
  // Gives the current pair up and tries the next.
  void NextTarget(const Status& why);

  State state() const { return state_; }
  // REQUIRES: state() == kWelcome, for the rest. The socket stands behind the
  // welcome; the caller takes it over.
  int TakeSocket();
  const Target& target() const { return targets_[current_]; }
  int rail() const { return targets_[current_].rail; }
  // Also REQUIRES only refused(), for the verdict.
  const Welcome& welcome() const { return welcome_; }
  const Hello& hello() const { return hello_; }
  // "eth0 -> 10.0.0.2:5000".
  std::string Describe() const;

  // Why each pair failed; REQUIRES: state() == kFailed.
  const Status& error() const { return error_; }
  // A refusal by the listener itself: other rails would be refused too.
  bool refused() const { return refused_; }
  // A host answered that nobody listens: the process is gone.
  bool nobody_there() const { return nobody_there_; }
  // Somebody listens, and hung up on our hello.
  bool hung_up() const { return hung_up_; }

 private:
  void OnReady(uint32_t events) override;
  void Attempt();
  void Fail(const Status& why);
  bool FinishConnect();
  bool SendHello();
  void ReadWelcome();
  void OnWelcome();
  void Close();

  const std::vector<Rail>* const rails_;
  const std::vector<Target> targets_;
  const std::function<StatusOr<Hello>(int)> hello_for_;
  const int timeout_s_;
  Poller* const poller_;
  const Patience patience_;
  State state_ = State::kTrying;
  size_t current_ = 0;
  bool started_ = false;
  bool refused_ = false;
  bool nobody_there_ = false;
  bool hung_up_ = false;
  int fd_ = -1;
  uint64_t token_ = 0;
  bool connected_ = false;
  int64_t since_ns_ = 0;  // first seen at this stage; 0 = not yet
  Hello hello_;
  std::string output_;
  size_t written_ = 0;
  std::string input_;
  size_t wanted_ = kWelcomeBytes;
  Welcome welcome_;
  Status error_;
};

}  // namespace ithaca

#endif  // ITHACA_PLUGIN_SOCKET_DIALER_H_
