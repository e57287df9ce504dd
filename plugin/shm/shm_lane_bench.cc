// Streams fragments one way over a lane of shared memory between two processes
// and says how fast, beside reading the other process's memory with
// process_vm_readv, and a memcpy; and how long 8 bytes take to go to the other
// process and back.
//
//   shm_lane_bench [total_mib] [buffer_kib]
//
// By default 2048 and 8192. Fragments come from and go to buffers of buffer_kib
// that are used round and round, which decides what stays in caches. Both ends
// poll, as NCCL's threads do, each on a CPU of its own.
#include <sched.h>
#include <signal.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "plugin/shm/shm_address.h"
#include "plugin/shm/shm_backend.h"

namespace ithaca {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr uint64_t kMaxQueued = 2 << 20;
constexpr int kRoundTrips = 200'000;

struct Load {
  size_t fragment_bytes;
  uint64_t fragments;
  size_t buffer_bytes;
  size_t Place(uint64_t i) const {
    const size_t slots = std::max<size_t>(1, buffer_bytes / fragment_bytes);
    return i % slots * fragment_bytes;
  }
};

class CountingSink : public LaneSink {
 public:
  explicit CountingSink(const Load& load)
      : load_(load), buffer_(load.buffer_bytes + load.fragment_bytes) {}
  Status OnFrameHead(Lane*, const Frame&, void** target) override {
    *target = buffer_.data() + load_.Place(heads_++);
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

void Print(const char* what, const Load& load, SteadyClock::time_point start) {
  const std::chrono::duration<double> s = SteadyClock::now() - start;
  printf("  %s %6.2f", what,
         load.fragment_bytes * load.fragments / s.count() / 1e9);
}

template <typename T>
T OrDie(StatusOr<T> value) {
  if (value.ok()) return std::move(value.value());
  fprintf(stderr, "%s\n", value.status().ToString().c_str());
  exit(1);
}

void Put(int fd, const void* data, size_t bytes) {
  if (write(fd, data, bytes) != static_cast<ssize_t>(bytes)) exit(1);
}

std::string Get(int fd, size_t bytes) {
  std::string data(bytes, 0);
  for (size_t have = 0; have < bytes;) {
    const ssize_t n = read(fd, &data[have], bytes - have);
    if (n <= 0) exit(1);
    have += n;
  }
  return data;
}

void Pin(int cpu) {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(cpu, &cpus);
  (void)sched_setaffinity(0, sizeof(cpus), &cpus);
}

// One end of the lane, in a process of its own.
struct End {
  End(const Load& load, bool receives, int in, int out) : sink(load) {
    Pin(receives ? 1 : 0);
    if (receives) {
      std::string invitation;
      lane =
          OrDie(backend->Invite(Get(in, kShmAddressBytes), &sink, &invitation));
      Put(out, invitation.data(), invitation.size());
    } else {
      const std::string address = backend->Address();
      Put(out, address.data(), address.size());
      lane = OrDie(backend->Join(Get(in, kShmAddressBytes), &sink));
    }
  }
  std::unique_ptr<ShmBackend> backend = OrDie(ShmBackend::Create());
  CountingSink sink;
  std::unique_ptr<Lane> lane;
};

void Stream(End* end, const Load& load, uint64_t fragments) {
  static std::vector<uint8_t> buffer;
  buffer.assign(load.buffer_bytes + load.fragment_bytes, 1);
  Frame frame;
  frame.type = FrameType::kData;
  frame.payload_bytes = load.fragment_bytes;
  frame.size = load.fragment_bytes;
  for (uint64_t i = 0; i < fragments; ++i) {
    while (end->lane->queued_bytes() > kMaxQueued) end->backend->Progress();
    frame.seq = i;
    end->lane->Send(frame, buffer.data() + load.Place(i));
  }
  while (end->lane->queued_bytes() > 0) end->backend->Progress();
}

void RunReceiver(const Load& load, int in, int out) {
  End end(load, true, in, out);
  const uint64_t warm_up = load.fragments / 8 + 1;
  for (const uint64_t until : {warm_up, warm_up + load.fragments}) {
    while (end.sink.frames() < until) end.backend->Progress();
    Put(out, "", 1);
  }
  Get(in, 1);
}

void RunSender(const Load& load, int in, int out) {
  End end(load, false, in, out);
  Stream(&end, load, load.fragments / 8 + 1);
  Get(in, 1);
  const auto start = SteadyClock::now();
  Stream(&end, load, load.fragments);
  Get(in, 1);
  Print("lane", load, start);
  Put(out, "", 1);
}

void RunPing(const Load& load, bool receives, int in, int out) {
  End end(load, receives, in, out);
  Frame frame;
  frame.type = FrameType::kEager;
  frame.payload_bytes = frame.size = 8;
  const uint64_t payload = 7;
  const auto start = SteadyClock::now();
  for (uint64_t i = 0; i < kRoundTrips; ++i) {
    if (!receives) end.lane->Send(frame, &payload);
    while (end.sink.frames() <= i) end.backend->Progress();
    if (receives) end.lane->Send(frame, &payload);
  }
  const std::chrono::duration<double> s = SteadyClock::now() - start;
  if (!receives)
    printf("8 bytes there and back: %.0f ns\n", s.count() * 1e9 / kRoundTrips);
  Put(out, "", 1);
  Get(in, 1);
}

template <typename Receiver, typename Sender>
void InTwoProcesses(Receiver receiver, Sender sender) {
  int down[2], up[2];
  if (pipe(down) != 0 || pipe(up) != 0) exit(1);
  fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    receiver(down[0], up[1]);
    _exit(0);
  }
  cpu_set_t before;
  CPU_ZERO(&before);
  sched_getaffinity(0, sizeof(before), &before);
  sender(up[0], down[1]);
  waitpid(child, nullptr, 0);
  sched_setaffinity(0, sizeof(before), &before);
  for (int fd : {down[0], down[1], up[0], up[1]}) close(fd);
}

// Another process's buffer, which it has touched, read by this one.
void RunReadv(const Load& load) {
  std::vector<uint8_t> from(load.buffer_bytes + load.fragment_bytes, 1);
  std::vector<uint8_t> to(from.size(), 2);
  int ready[2];
  if (pipe(ready) != 0) exit(1);
  const pid_t child = fork();
  if (child == 0) {
    std::fill(from.begin(), from.end(), 3);
    Put(ready[1], "", 1);
    for (;;) pause();
  }
  Get(ready[0], 1);
  const auto start = SteadyClock::now();
  for (uint64_t i = 0; i < load.fragments; ++i) {
    const iovec local = {to.data() + load.Place(i), load.fragment_bytes};
    const iovec remote = {from.data() + load.Place(i), load.fragment_bytes};
    if (process_vm_readv(child, &local, 1, &remote, 1, 0) < 0) exit(1);
  }
  Print("process_vm_readv", load, start);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  for (int fd : ready) close(fd);
}

void RunMemcpy(const Load& load) {
  std::vector<uint8_t> from(load.buffer_bytes + load.fragment_bytes, 1);
  std::vector<uint8_t> to(from.size(), 2);
  const auto start = SteadyClock::now();
  for (uint64_t i = 0; i < load.fragments; ++i) {
    memcpy(to.data() + load.Place(i), from.data() + load.Place(i),
           load.fragment_bytes);
    asm volatile("" : : "r"(to.data()) : "memory");
  }
  Print("memcpy", load, start);
}

int Main(int argc, char** argv) {
  const uint64_t mib = argc > 1 ? strtoull(argv[1], nullptr, 10) : 2048;
  Load load;
  load.buffer_bytes = (argc > 2 ? strtoull(argv[2], nullptr, 10) : 8192) << 10;
  for (size_t kib : {4, 8, 16, 32, 64, 128, 256, 512, 1024}) {
    load.fragment_bytes = kib << 10;
    load.fragments = (mib << 20) / load.fragment_bytes + 1;
    printf("%5zu KiB", kib);
    InTwoProcesses([&](int in, int out) { RunReceiver(load, in, out); },
                   [&](int in, int out) { RunSender(load, in, out); });
    RunReadv(load);
    RunMemcpy(load);
    printf(" GB/s\n");
  }
  InTwoProcesses([&](int in, int out) { RunPing(load, true, in, out); },
                 [&](int in, int out) { RunPing(load, false, in, out); });
  return 0;
}

}  // namespace
}  // namespace ithaca

int main(int argc, char** argv) { return ithaca::Main(argc, argv); }
