// Streams fragments one way over a UCX lane on "lo" and says how fast, beside a
// plain TCP stream and a memcpy of the same.
//
//   ucx_lane_bench [fragment_bytes] [total_mib] [buffer_kib]
//
// By default 131072, 4096 and 8192. Fragments come from and go to buffers of
// buffer_kib that are used round and round, which decides what stays in caches.
//
// The lane runs between two processes that poll, as NCCL's threads do; the TCP
// stream between two threads that block. UCX_TCP_SNDBUF and the like
// (ucx_config.h) may be set to try.
#include <arpa/inet.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "plugin/core/log.h"
#include "plugin/ucx/ucx_api.h"
#include "plugin/ucx/ucx_backend.h"

namespace ithaca {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr uint64_t kMaxQueued = 2 << 20;

struct Load {
  size_t fragment_bytes;
  uint64_t fragments;
  size_t buffer_bytes;
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
  const size_t slots = load.buffer_bytes / load.fragment_bytes;
  return slots == 0 ? 0 : i % slots * load.fragment_bytes;
}

class CountingSink : public LaneSink {
 public:
  explicit CountingSink(const Load& load)
      : load_(load), buffer_(load.buffer_bytes + load.fragment_bytes) {}
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

void StreamFrames(const Load& load, uint64_t fragments, LaneBackend* backend,
                  Lane* lane) {
  std::vector<uint8_t> buffer(load.buffer_bytes + load.fragment_bytes, 1);
  Frame frame;
  frame.type = FrameType::kData;
  frame.payload_bytes = load.fragment_bytes;
  frame.size = load.fragment_bytes;
  for (uint64_t i = 0; i < fragments; ++i) {
    while (lane->queued_bytes() > kMaxQueued) backend->Progress();
    frame.seq = i;
    lane->Send(frame, buffer.data() + Place(load, i));
  }
  while (lane->queued_bytes() > 0) backend->Progress();
}

// What an end of the lane tells the other.
struct Invitation {
  uint64_t id;
  uint32_t address_bytes;
  char address[kMaxAddressBytes];
};

void Put(int fd, const void* data, size_t bytes) {
  if (write(fd, data, bytes) != static_cast<ssize_t>(bytes)) exit(1);
}

void Get(int fd, void* data, size_t bytes) {
  for (auto* at = static_cast<uint8_t*>(data); bytes > 0;) {
    const ssize_t n = read(fd, at, bytes);
    if (n <= 0) exit(1);
    at += n;
    bytes -= n;
  }
}

std::unique_ptr<Lane> OpenLane(LaneBackend* backend, LaneSink* sink, int in,
                               int out) {
  Invitation own = {}, peer;
  const std::string address = OrDie(backend->Address(0));
  own.id = backend->ReserveLaneId();
  own.address_bytes = address.size();
  memcpy(own.address, address.data(), address.size());
  Put(out, &own, sizeof(own));
  Get(in, &peer, sizeof(peer));
  return OrDie(backend->Open(0, own.id,
                             std::string_view(peer.address, peer.address_bytes),
                             peer.id, sink));
}

// Each end on a CPU of its own, where there are two.
void Pin(int cpu) {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(cpu, &cpus);
  (void)sched_setaffinity(0, sizeof(cpus), &cpus);
}

// One end in a process of its own: the receiver when `receives`.
void RunEnd(const Load& load, bool receives, int in, int out) {
  Pin(receives ? 1 : 0);
  StderrLogSink log(false);
  const UcxApi api = OrDie(LoadUcx());
  auto backend = OrDie(UcxBackend::Create(api, {Loopback()}, log));
  CountingSink sink(load);
  auto lane = OpenLane(backend.get(), &sink, in, out);
  // First some that do not count, to connect and to get TCP going.
  const uint64_t warm_up = load.fragments / 8 + 1;
  char token = 0;
  if (receives) {
    for (const uint64_t until : {warm_up, warm_up + load.fragments}) {
      while (sink.frames() < until) backend->Progress();
      Put(out, &token, 1);
    }
    Get(in, &token, 1);
    return;
  }
  StreamFrames(load, warm_up, backend.get(), lane.get());
  Get(in, &token, 1);
  const auto start = SteadyClock::now();
  StreamFrames(load, load.fragments, backend.get(), lane.get());
  Get(in, &token, 1);
  Print("UCX lane", load, start);
  Put(out, &token, 1);
}

void RunLane(const Load& load) {
  int down[2], up[2];
  if (pipe(down) != 0 || pipe(up) != 0) exit(1);
  const pid_t child = fork();
  if (child == 0) {
    RunEnd(load, true, down[0], up[1]);
    _exit(0);
  }
  cpu_set_t before;
  CPU_ZERO(&before);
  sched_getaffinity(0, sizeof(before), &before);
  RunEnd(load, false, up[0], down[1]);
  waitpid(child, nullptr, 0);
  sched_setaffinity(0, sizeof(before), &before);
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
    std::vector<uint8_t> buffer(load.buffer_bytes + load.fragment_bytes, 1);
    for (uint64_t i = 0; i < load.fragments; ++i)
      if (send(client, buffer.data() + Place(load, i), load.fragment_bytes,
               0) != static_cast<ssize_t>(load.fragment_bytes))
        exit(1);
  });
  std::vector<uint8_t> buffer(load.buffer_bytes + load.fragment_bytes);
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
  std::vector<uint8_t> from(load.buffer_bytes + load.fragment_bytes, 1);
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
  load.buffer_bytes = (argc > 3 ? strtoull(argv[3], nullptr, 10) : 8192) << 10;
  if (load.fragment_bytes == 0 || load.fragment_bytes > kMaxFragmentBytes ||
      mib == 0) {
    fprintf(stderr,
            "usage: %s [fragment_bytes 1..%zu] [total_mib] [buffer_kib]\n",
            argv[0], kMaxFragmentBytes);
    return 2;
  }
  load.fragments = (mib << 20) / load.fragment_bytes + 1;
  RunLane(load);
  RunTcp(load);
  RunMemcpy(load);
  return 0;
}

}  // namespace
}  // namespace ithaca

int main(int argc, char** argv) { return ithaca::Main(argc, argv); }
