// Streams fragments one way over a UCX lane on "lo" and says how fast, beside a
// plain TCP stream and a memcpy of the same.
//
//   ucx_lane_bench [fragment_bytes] [total_mib]     default 131072 4096
//
// Two threads, each with a backend of its own and polling, as two processes
// would be. UCX_TCP_TX_SEG_SIZE and the like (ucx_config.h) may be set to try.
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

#include "plugin/core/log.h"
#include "plugin/ucx/ucx_api.h"
#include "plugin/ucx/ucx_backend.h"

namespace ithaca {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr size_t kBufferBytes = 8 << 20;  // as NCCL's: 8 steps per channel
constexpr uint64_t kMaxQueued = 2 << 20;

struct Load {
  size_t fragment_bytes;
  uint64_t fragments;
  uint64_t bytes() const { return fragment_bytes * fragments; }
};

void Print(const char* what, const Load& load, SteadyClock::time_point start) {
  const std::chrono::duration<double> s = SteadyClock::now() - start;
  printf("%-12s %7.2f GB/s  %8.2f us per %zu bytes\n", what,
         load.bytes() / s.count() / 1e9, s.count() * 1e6 / load.fragments,
         load.fragment_bytes);
}

// Offset of fragment i in a buffer that is used round and round.
size_t Place(const Load& load, uint64_t i) {
  const size_t slots = kBufferBytes / load.fragment_bytes;
  return slots == 0 ? 0 : i % slots * load.fragment_bytes;
}

class CountingSink : public LaneSink {
 public:
  explicit CountingSink(const Load& load)
      : load_(load), buffer_(kBufferBytes + load.fragment_bytes) {}
  Status OnFrameHead(Lane*, const Frame&, void** target) override {
    *target = buffer_.data() + Place(load_, heads_++);
    return Status();
  }
  Status OnFrame(Lane*, const Frame&) override {
    ++frames_;
    return Status();
  }
  void OnLaneDown(Lane*, const Status& why) override {
    fprintf(stderr, "lane down: %s\n", why.ToString().c_str());
    exit(1);
  }
  uint64_t frames() const { return frames_; }

 private:
  const Load load_;
  std::vector<uint8_t> buffer_;
  uint64_t heads_ = 0, frames_ = 0;
};

template <typename T>
T OrDie(StatusOr<T> value) {
  if (value.ok()) return std::move(value.value());
  fprintf(stderr, "%s\n", value.status().ToString().c_str());
  exit(1);
}

Rail Loopback() {
  Rail rail;
  rail.name = "lo";
  auto* const address = reinterpret_cast<sockaddr_in*>(&rail.address);
  address->sin_family = AF_INET;
  address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return rail;
}

void StreamFrames(const Load& load, LaneBackend* backend, Lane* lane) {
  std::vector<uint8_t> buffer(kBufferBytes + load.fragment_bytes, 1);
  Frame frame;
  frame.type = FrameType::kData;
  frame.payload_bytes = load.fragment_bytes;
  frame.size = load.fragment_bytes;
  for (uint64_t i = 0; i < load.fragments; ++i) {
    while (lane->queued_bytes() > kMaxQueued) backend->Progress();
    frame.seq = i;
    lane->Send(frame, buffer.data() + Place(load, i));
  }
  while (lane->queued_bytes() > 0) backend->Progress();
}

void RunLane(const UcxApi& api, const Load& load) {
  StderrLogSink log(false);
  auto from = OrDie(UcxBackend::Create(api, {Loopback()}, log));
  auto to = OrDie(UcxBackend::Create(api, {Loopback()}, log));
  CountingSink from_sink(load), to_sink(load);
  const uint64_t x = from->ReserveLaneId(), y = to->ReserveLaneId();
  auto sending = OrDie(from->Open(0, x, OrDie(to->Address(0)), y, &from_sink));
  auto receiving = OrDie(to->Open(0, y, OrDie(from->Address(0)), x, &to_sink));
  const auto start = SteadyClock::now();
  std::thread sender([&] { StreamFrames(load, from.get(), sending.get()); });
  while (to_sink.frames() < load.fragments) to->Progress();
  Print("UCX lane", load, start);
  sender.join();
}

int Connected(int* accepted) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t bytes = sizeof(address);
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  const int client = socket(AF_INET, SOCK_STREAM, 0);
  if (bind(listener, any, bytes) != 0 || listen(listener, 1) != 0 ||
      getsockname(listener, any, &bytes) != 0 ||
      connect(client, any, bytes) != 0) {
    perror("loopback socket");
    exit(1);
  }
  *accepted = accept(listener, nullptr, nullptr);
  close(listener);
  return client;
}

void RunTcp(const Load& load) {
  int accepted = -1;
  const int client = Connected(&accepted);
  const auto start = SteadyClock::now();
  std::thread sender([&] {
    std::vector<uint8_t> buffer(kBufferBytes + load.fragment_bytes, 1);
    for (uint64_t i = 0; i < load.fragments; ++i)
      if (send(client, buffer.data() + Place(load, i), load.fragment_bytes,
               0) != static_cast<ssize_t>(load.fragment_bytes))
        exit(1);
  });
  std::vector<uint8_t> buffer(kBufferBytes + load.fragment_bytes);
  for (uint64_t i = 0; i < load.fragments; ++i)
    if (recv(accepted, buffer.data() + Place(load, i), load.fragment_bytes,
             MSG_WAITALL) != static_cast<ssize_t>(load.fragment_bytes))
      exit(1);
  Print("plain TCP", load, start);
  sender.join();
  close(client);
  close(accepted);
}

void RunMemcpy(const Load& load) {
  std::vector<uint8_t> from(kBufferBytes + load.fragment_bytes, 1);
  std::vector<uint8_t> to(from.size(), 2);
  const auto start = SteadyClock::now();
  for (uint64_t i = 0; i < load.fragments; ++i) {
    memcpy(to.data() + Place(load, i), from.data() + Place(load, i),
           load.fragment_bytes);
    asm volatile("" : : "r"(to.data()) : "memory");
  }
  Print("memcpy", load, start);
}

int Main(int argc, char** argv) {
  Load load;
  load.fragment_bytes = argc > 1 ? strtoull(argv[1], nullptr, 10) : 131072;
  const uint64_t mib = argc > 2 ? strtoull(argv[2], nullptr, 10) : 4096;
  if (load.fragment_bytes == 0 || load.fragment_bytes > kMaxFragmentBytes ||
      mib == 0) {
    fprintf(stderr, "usage: %s [fragment_bytes 1..%zu] [total_mib]\n", argv[0],
            kMaxFragmentBytes);
    return 2;
  }
  load.fragments = (mib << 20) / load.fragment_bytes + 1;
  const UcxApi api = OrDie(LoadUcx());
  RunLane(api, load);
  RunTcp(load);
  RunMemcpy(load);
  return 0;
}

}  // namespace
}  // namespace ithaca

int main(int argc, char** argv) { return ithaca::Main(argc, argv); }
