#include "plugin/driver/bootstrap_accept.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include <string>
#include <utility>

#include "plugin/driver/bootstrap.h"

namespace ithaca::driver {
namespace {

constexpr int64_t kHelloTimeoutMs = 5'000;
constexpr size_t kMaxPending = 256;

struct Pending {
  Fd fd;
  Deadline deadline;
  uint8_t hello[kHelloBytes];
  size_t got = 0;
};

enum class Progress { kWaiting, kJoined, kDropped };

class Acceptor {
 public:
  Acceptor(int listener, int ranks, uint64_t token, const Clock& clock)
      : listener_(listener), token_(token), clock_(clock) {
    accepted_.peers.resize(ranks);
  }

  StatusOr<AcceptedRanks> Run(const Deadline& deadline) {
    while (joined_ + 1 < accepted_.peers.size()) {
      if (deadline.Expired()) return Missing();
      Wait(deadline);
      AcceptNew();
      ReadPending();
    }
    return std::move(accepted_);
  }

 private:
  void Wait(const Deadline& deadline) const {
    std::vector<pollfd> fds = {{listener_, POLLIN, 0}};
    int timeout_ms = deadline.RemainingMs(1'000);
    for (const Pending& p : pending_) {
      fds.push_back({p.fd.get(), POLLIN, 0});
      timeout_ms = std::min(timeout_ms, p.deadline.RemainingMs());
    }
    poll(fds.data(), fds.size(), timeout_ms);
  }

  void AcceptNew() {
    for (;;) {
      Fd fd(accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC));
      if (!fd.valid()) return;
      PrepareSocket(fd.get());
      if (pending_.size() == kMaxPending) {
        Drop("it said nothing while too many others waited");
        pending_.erase(pending_.begin());
      }
      pending_.push_back(
          {std::move(fd), Deadline(clock_, kHelloTimeoutMs), {}, 0});
    }
  }

  void ReadPending() {
    for (size_t i = 0; i < pending_.size();) {
      if (ReadHello(&pending_[i]) == Progress::kWaiting) {
        ++i;
      } else {
        pending_.erase(pending_.begin() + i);
      }
    }
  }

  Progress ReadHello(Pending* p) {
    const ssize_t n = recv(p->fd.get(), p->hello + p->got, kHelloBytes - p->got,
                           MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
      if (!p->deadline.Expired()) return Progress::kWaiting;
      return Drop("it did not say who it is");
    }
    if (n <= 0) return Drop("it closed before it said who it is");
    p->got += n;
    if (p->got < kHelloBytes) return Progress::kWaiting;
    Hello hello;
    if (!DecodeHello(p->hello, p->got, &hello)) {
      return Drop("it does not speak this protocol");
    }
    return Admit(hello, &p->fd);
  }

  Progress Admit(const Hello& hello, Fd* fd) {
    Welcome welcome;
    welcome.ranks = static_cast<uint32_t>(accepted_.peers.size());
    welcome.refusal = Judge(hello);
    const auto bytes = Encode(welcome);
    const bool sent =
        send(fd->get(), bytes.data(), bytes.size(),
             MSG_NOSIGNAL | MSG_DONTWAIT) == static_cast<ssize_t>(bytes.size());
    if (welcome.refusal != Refusal::kNone) {
      return Drop(RefusalText(welcome.refusal));
    }
    if (!sent) return Drop("it closed at once");
    accepted_.peers[hello.rank] = std::move(*fd);
    ++joined_;
    return Progress::kJoined;
  }

  Refusal Judge(const Hello& hello) const {
    if (hello.version != kBootstrapVersion) return Refusal::kVersion;
    if (hello.token != token_) return Refusal::kToken;
    if (hello.ranks != accepted_.peers.size()) return Refusal::kRanks;
    if (hello.rank == 0 || hello.rank >= hello.ranks) {
      return Refusal::kRankRange;
    }
    if (accepted_.peers[hello.rank].valid()) return Refusal::kRankTaken;
    return Refusal::kNone;
  }

  Progress Drop(const char* why) {
    ++accepted_.strays;
    last_stray_ = why;
    return Progress::kDropped;
  }

  Status Missing() const {
    std::vector<int> missing;
    for (size_t r = 1; r < accepted_.peers.size(); ++r) {
      if (!accepted_.peers[r].valid()) missing.push_back(static_cast<int>(r));
    }
    std::string text = FormatRanks(missing) + " did not join in time";
    if (accepted_.strays > 0) {
      text += "; " + std::to_string(accepted_.strays) +
              " connections were turned away, the last one because " +
              last_stray_;
    }
    return Status(Code::kDeadlineExceeded, text);
  }

  const int listener_;
  const uint64_t token_;
  const Clock& clock_;
  AcceptedRanks accepted_;
  size_t joined_ = 0;
  std::vector<Pending> pending_;
  std::string last_stray_;
};

}  // namespace

StatusOr<AcceptedRanks> AcceptRanks(int listener, int ranks, uint64_t token,
                                    const Clock& clock,
                                    const Deadline& deadline) {
  return Acceptor(listener, ranks, token, clock).Run(deadline);
}

}  // namespace ithaca::driver
