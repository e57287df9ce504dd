#include "daemon/server/hostile_for_test.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>

namespace ithaca::server {

const std::string kHello("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
                         33);

Raw::Raw(const std::string& path)
    : fd_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  connected_ =
      connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  const timeval patience{20, 0};
  setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
}

Raw::~Raw() { close(fd_); }

bool Raw::Send(const std::string& bytes) {
  size_t sent = 0;
  while (sent < bytes.size()) {
    const ssize_t n =
        send(fd_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (n <= 0) return false;
    sent += static_cast<size_t>(n);
  }
  return true;
}

void Raw::SendWhatFits(const std::string& bytes) {
  size_t sent = 0;
  while (sent < bytes.size()) {
    const ssize_t n = send(fd_, bytes.data() + sent, bytes.size() - sent,
                           MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n <= 0) return;
    sent += static_cast<size_t>(n);
  }
}

bool Raw::IsClosed() {
  char buffer[4096];
  for (;;) {
    const ssize_t n = recv(fd_, buffer, sizeof buffer, 0);
    if (n > 0) continue;
    return n == 0 || errno == ECONNRESET;
  }
}

std::string Frame(uint32_t length, uint8_t type, uint8_t flags, uint32_t stream,
                  const std::string& payload) {
  std::string frame;
  for (int shift : {16, 8, 0}) frame += static_cast<char>(length >> shift);
  frame += static_cast<char>(type);
  frame += static_cast<char>(flags);
  for (int shift : {24, 16, 8, 0}) frame += static_cast<char>(stream >> shift);
  return frame + payload;
}

std::string CallHeaders(const std::string& method) {
  const auto literal = [](const std::string& name, const std::string& value) {
    return std::string("\0", 1) + static_cast<char>(name.size()) + name +
           static_cast<char>(value.size()) + value;
  };
  return literal(":method", "POST") + literal(":scheme", "http") +
         literal(":path", method) + literal(":authority", "x") +
         literal("content-type", "application/grpc") +
         literal("te", "trailers");
}

std::string HeadersFrame(uint32_t stream, const std::string& method) {
  const std::string headers = CallHeaders(method);
  return Frame(static_cast<uint32_t>(headers.size()), 1, 4, stream, headers);
}

void HostileTest::SetUp() {
  daemon_.options.patience_ms = 300;
  daemon_.Start();
  client_ = Another();
  good_ = std::thread([this] { BeGood(); });
}

void HostileTest::BeGood() {
  while (!stop_) {
    const auto begun = std::chrono::steady_clock::now();
    const auto groups = client_->ListGroups();
    EXPECT_TRUE(groups.ok()) << groups.status();
    const std::chrono::duration<double, std::milli> took =
        std::chrono::steady_clock::now() - begun;
    took_ms_.push_back(took.count());
    ++served_;
  }
}

void HostileTest::TearDown() {
  ServesStill();
  stop_ = true;
  good_.join();
  client_.reset();
  daemon_.Stop();
  std::sort(took_ms_.begin(), took_ms_.end());
  std::printf("the good client: %zu answers, median %.2f ms, worst %.1f ms\n",
              took_ms_.size(), took_ms_[took_ms_.size() / 2], took_ms_.back());
}

std::unique_ptr<client::Client> HostileTest::Another() {
  client::ConnectOptions options;
  options.socket = daemon_.socket();
  options.timeout_ms = 60'000;
  auto another = client::Client::Connect(options);
  EXPECT_TRUE(another.ok()) << another.status();
  return another.ok() ? std::move(*another) : nullptr;
}

void HostileTest::ServesStill() {
  const int before = served_;
  while (served_ < before + 3) std::this_thread::yield();
  EXPECT_TRUE(Another()->ListGroups().ok());
}

}  // namespace ithaca::server
