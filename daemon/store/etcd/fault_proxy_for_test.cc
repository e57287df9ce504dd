#include "daemon/store/etcd/fault_proxy_for_test.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <vector>

#include "absl/strings/str_cat.h"

namespace ithaca::store::etcd {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr int kTickMs = 5;

sockaddr_in Loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  return address;
}

void SendAll(int fd, const std::string& bytes) {
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t sent =
        send(fd, bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL);
    if (sent <= 0) return;
    done += static_cast<size_t>(sent);
  }
}

// HTTP/2 frames without RST_STREAM and GOAWAY: what a client says when it gives
// a call up.
std::string WithoutResets(const std::string& frames) {
  constexpr size_t kHead = 9;
  constexpr char kRstStream = 3, kGoAway = 7;
  std::string out;
  for (size_t at = 0; at + kHead <= frames.size();) {
    const auto byte = [&](size_t i) {
      return static_cast<size_t>(static_cast<unsigned char>(frames[at + i]));
    };
    const size_t size = kHead + (byte(0) << 16 | byte(1) << 8 | byte(2));
    const char type = frames[at + 3];
    if (type != kRstStream && type != kGoAway) out += frames.substr(at, size);
    at += size;
  }
  return out;
}

}  // namespace

FaultProxy::FaultProxy(const std::string& upstream)
    : upstream_port_(
          std::atoi(upstream.substr(upstream.rfind(':') + 1).c_str())) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof address;
  if (bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      listen(listener_, 64) != 0 ||
      getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) !=
          0) {
    std::abort();
  }
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { Run(); });
}

FaultProxy::~FaultProxy() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stop_ = true;
  }
  thread_.join();
  for (const auto& pair : pairs_) {
    close(pair->client);
    close(pair->server);
  }
  close(listener_);
}

std::string FaultProxy::endpoint() const {
  return absl::StrCat("127.0.0.1:", port_);
}

void FaultProxy::Set(Mode mode) {
  std::lock_guard<std::mutex> lock(mutex_);
  mode_ = mode;
  if (mode != Mode::kRefuse) return;
  for (const auto& pair : pairs_) pair->dead = true;
}

void FaultProxy::SetDelay(milliseconds delay) {
  std::lock_guard<std::mutex> lock(mutex_);
  delay_ = delay;
}

void FaultProxy::CutAll() {
  std::lock_guard<std::mutex> lock(mutex_);
  for (const auto& pair : pairs_) pair->dead = true;
}

void FaultProxy::ReleaseHeld() {
  std::unique_lock<std::mutex> lock(mutex_);
  mode_ = Mode::kPass;
  std::vector<std::pair<Pair*, size_t>> waiting;
  for (const auto& pair : pairs_) {
    if (pair->held.empty()) continue;
    waiting.emplace_back(pair.get(), pair->answered);
    SendAll(pair->server, WithoutResets(pair->held));
    pair->held.clear();
  }
  answered_.wait_for(lock, std::chrono::seconds(30), [&waiting] {
    for (const auto& [pair, before] : waiting) {
      if (pair->answered == before && !pair->dead) return false;
    }
    return true;
  });
}

void FaultProxy::Accept() {
  const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
  if (client < 0) return;
  if (mode_ == Mode::kRefuse) {
    close(client);
    return;
  }
  const int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = Loopback(upstream_port_);
  if (connect(server, reinterpret_cast<const sockaddr*>(&address),
              sizeof address) != 0) {
    close(client);
    close(server);
    return;
  }
  const int on = 1;
  setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  pairs_.push_back(std::make_unique<Pair>());
  pairs_.back()->client = client;
  pairs_.back()->server = server;
}

void FaultProxy::Carry(Pair* pair, bool from_client) {
  char bytes[65536];
  const ssize_t size =
      recv(from_client ? pair->client : pair->server, bytes, sizeof bytes, 0);
  if (size <= 0) {
    // What is held is sent even if its sender is gone.
    if (pair->held.empty() || !from_client) pair->dead = true;
    return;
  }
  const std::string chunk(bytes, static_cast<size_t>(size));
  if (from_client) {
    if (mode_ == Mode::kHoldRequests) pair->held += chunk;
    if (mode_ == Mode::kPass || mode_ == Mode::kSwallowAnswers)
      SendAll(pair->server, chunk);
    return;
  }
  pair->answered += chunk.size();
  answered_.notify_all();
  if (mode_ == Mode::kPass)
    pair->late.push_back({steady_clock::now() + delay_, chunk});
}

void FaultProxy::SendLate(Pair* pair) {
  while (!pair->late.empty() && pair->late.front().due <= steady_clock::now()) {
    SendAll(pair->client, pair->late.front().bytes);
    pair->late.pop_front();
  }
}

void FaultProxy::Run() {
  for (;;) {
    std::vector<pollfd> fds = {{listener_, POLLIN, 0}};
    std::vector<Pair*> pairs;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      if (stop_) return;
      for (auto it = pairs_.begin(); it != pairs_.end();) {
        SendLate(it->get());
        if (!(*it)->dead) {
          fds.push_back({(*it)->client, POLLIN, 0});
          fds.push_back({(*it)->server, POLLIN, 0});
          pairs.push_back((it++)->get());
          continue;
        }
        close((*it)->client);
        close((*it)->server);
        it = pairs_.erase(it);
      }
    }
    poll(fds.data(), fds.size(), kTickMs);
    std::lock_guard<std::mutex> lock(mutex_);
    if (fds[0].revents != 0) Accept();
    for (size_t i = 0; i < pairs.size(); ++i) {
      if (fds[1 + 2 * i].revents != 0) Carry(pairs[i], true);
      if (fds[2 + 2 * i].revents != 0) Carry(pairs[i], false);
    }
  }
}

}  // namespace ithaca::store::etcd
