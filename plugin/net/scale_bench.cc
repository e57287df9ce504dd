// What a connection costs, and what a message costs among few peers and many.
//
//   scale_bench [peers ...]        default: 16 4096
//
// Two engines in this process, joined by so many connections over loopback,
// every one with sockets of its own. 16 messages are in flight at a time, each
// on a connection drawn at random from those that have none: two on one would
// share system calls, which among few is likely and says nothing of many. The
// time is the CPU time of this thread for both ends, kernel included, in the
// median of 5 runs; the last lines say how much more a message costs among the
// most peers than among the fewest.
#include <dirent.h>
#include <malloc.h>
#include <sys/resource.h>
#include <time.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "plugin/net/engine_sides.h"

namespace ithaca::net {
namespace {

constexpr int kInFlight = 16;
constexpr int kRuns = 5;
constexpr size_t kSizes[] = {8, 128 << 10};
constexpr int kMessages[] = {40'000, 4'000};

double Seconds(clockid_t clock) {
  timespec now;
  clock_gettime(clock, &now);
  return now.tv_sec + now.tv_nsec * 1e-9;
}

int OpenDescriptors() {
  int count = 0;
  DIR* const dir = opendir("/proc/self/fd");
  while (readdir(dir) != nullptr) ++count;
  closedir(dir);
  return count;
}

// What is in flight: a message on a link, and its buffers.
struct Slot {
  Link* link = nullptr;
  Request* sent = nullptr;
  Request* received = nullptr;
  std::vector<char> out, in;
};

class Bench {
 public:
  explicit Bench(int peers)
      : a_(LoopbackRails(1, 1), &MonotonicClock(), Options()),
        b_(LoopbackRails(10, 1), &MonotonicClock(), Options()) {
    const double start = Seconds(CLOCK_MONOTONIC);
    const int descriptors = OpenDescriptors();
    const size_t bytes = mallinfo2().uordblks;
    for (int i = 0; i < peers; ++i) {
      links_.push_back(ConnectSides(&a_, &b_, 1));
      if (links_.back().send == nullptr) Die("cannot connect");
    }
    connect_s_ = Seconds(CLOCK_MONOTONIC) - start;
    descriptors_ = OpenDescriptors() - descriptors;
    idle_bytes_ = mallinfo2().uordblks - bytes;
    for (Slot& slot : slots_) slot.out.resize(kSizes[1]), slot.in = slot.out;
    const size_t with_slots = mallinfo2().uordblks - idle_bytes_;
    // Every connection has been used, then.
    for (Link& link : links_) Finish(Start(&link, kSizes[1], &slots_[0]));
    slots_[0].link = nullptr;
    used_bytes_ = mallinfo2().uordblks - with_slots;
  }

  // CPU time of one message of kSizes[which], both ends, in nanoseconds.
  double NsPerMessage(int which) {
    std::vector<double> runs;
    for (int i = 0; i < kRuns; ++i) runs.push_back(Run(which));
    std::sort(runs.begin(), runs.end());
    return runs[kRuns / 2];
  }

  void Report(const std::vector<double>& ns) const {
    const double ends = 2.0 * links_.size();
    std::printf("%7zu %9.2f %12.1f %12.0f %12.0f", links_.size(), connect_s_,
                descriptors_ / ends, idle_bytes_ / ends, used_bytes_ / ends);
    for (double each : ns) std::printf(" %12.0f", each);
    std::printf("\n");
    std::fflush(stdout);
  }

 private:
  [[noreturn]] static void Die(const char* what) {
    std::fprintf(stderr, "scale_bench: %s\n", what);
    exit(1);
  }

  Slot* Start(Link* link, size_t bytes, Slot* slot) {
    slot->link = link;
    auto received =
        link->recv->connection()->Receive(slot->in.data(), bytes, 0);
    auto sent = link->send->connection()->Send(slot->out.data(), bytes, 0);
    if (!received.ok() || !sent.ok() || *received == nullptr ||
        *sent == nullptr)
      Die("a request was not taken");
    slot->received = *received;
    slot->sent = *sent;
    a_.engine->Kick();
    b_.engine->Kick();
    return slot;
  }

  Link* IdleLink() {
    for (;;) {
      Link* const link = &links_[random_() % links_.size()];
      if (std::none_of(slots_, slots_ + kInFlight,
                       [&](const Slot& slot) { return slot.link == link; }))
        return link;
    }
  }

  bool Done(Slot* slot) {
    uint64_t bytes[kMaxGroup];
    if (slot->received != nullptr &&
        *slot->link->recv->connection()->Test(slot->received, bytes))
      slot->received = nullptr;
    if (slot->sent != nullptr &&
        *slot->link->send->connection()->Test(slot->sent, bytes))
      slot->sent = nullptr;
    return slot->received == nullptr && slot->sent == nullptr;
  }

  void Finish(Slot* slot) {
    if (!Until(&a_, &b_, [&] { return Done(slot); })) Die("nothing happens");
  }

  double Run(int which) {
    const double start = Seconds(CLOCK_THREAD_CPUTIME_ID);
    int begun = 0, done = 0;
    const auto next = [&](Slot* slot) {
      Start(IdleLink(), kSizes[which], slot);
      ++begun;
    };
    for (Slot& slot : slots_) next(&slot);
    while (done < begun) {
      a_.engine->Progress();
      b_.engine->Progress();
      for (Slot& slot : slots_) {
        if (slot.link == nullptr || !Done(&slot)) continue;
        ++done;
        slot.link = nullptr;
        if (begun < kMessages[which]) next(&slot);
      }
    }
    return (Seconds(CLOCK_THREAD_CPUTIME_ID) - start) * 1e9 / done;
  }

  std::mt19937 random_{4711};
  Side a_, b_;
  std::vector<Link> links_;
  Slot slots_[kInFlight];
  double connect_s_ = 0;
  int descriptors_ = 0;
  size_t idle_bytes_ = 0, used_bytes_ = 0;
};

int Main(int argc, char** argv) {
  std::vector<int> peers;
  for (int i = 1; i < argc; ++i) peers.push_back(atoi(argv[i]));
  if (peers.empty()) peers = {16, 4096};
  std::sort(peers.begin(), peers.end());
  rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  if (peers.front() < kInFlight ||
      files.rlim_cur < 2 * static_cast<rlim_t>(peers.back()) + 100) {
    std::fprintf(stderr,
                 "usage: scale_bench [peers ...]; at least %d, and each takes "
                 "two of the %llu descriptors that ulimit -n allows\n",
                 kInFlight, static_cast<unsigned long long>(files.rlim_cur));
    return 2;
  }
  std::printf("%7s %9s %12s %12s %12s %12s %12s\n", "peers", "connect s",
              "fds/end", "idle B/end", "used B/end", "ns/8 B", "ns/128 KiB");
  std::vector<std::vector<double>> ns;
  for (int count : peers) {
    Bench bench(count);
    ns.push_back({bench.NsPerMessage(0), bench.NsPerMessage(1)});
    bench.Report(ns.back());
  }
  for (int which : {0, 1})
    std::printf("%zu B: %.2f times the cost among %d peers\n", kSizes[which],
                ns.back()[which] / ns.front()[which], peers.back());
  return 0;
}

}  // namespace
}  // namespace ithaca::net

int main(int argc, char** argv) { return ithaca::net::Main(argc, argv); }
