// Lanes between two processes: data, and ends of either process.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <string>

#include "plugin/shm/shared_memory.h"
#include "plugin/shm/shm_address.h"
#include "plugin/shm/shm_backend.h"
#include "plugin/shm/shm_test_support.h"

namespace ithaca {
namespace {

std::string Get(int fd, size_t bytes) {
  std::string data(bytes, 0);
  for (size_t have = 0; have < bytes;) {
    const ssize_t n = read(fd, &data[have], bytes - have);
    if (n <= 0) return "";
    have += n;
  }
  return data;
}

bool Put(int fd, const std::string& data) {
  return write(fd, data.data(), data.size()) ==
         static_cast<ssize_t>(data.size());
}

// A child that runs `connector` on its end of a lane, and this process's end.
class Processes : public testing::Test {
 protected:
  void Start(const std::function<int(ShmBackend*, BackendPair::End*)>& play) {
    int to_child[2], to_parent[2];
    ASSERT_EQ(pipe(to_child), 0);
    ASSERT_EQ(pipe(to_parent), 0);
    child_ = fork();
    ASSERT_GE(child_, 0);
    if (child_ == 0) {
      alarm(100);
      auto backend = ShmBackend::Create();
      if (!backend.ok() || !Put(to_parent[1], (*backend)->Address())) _exit(90);
      BackendPair::End end;
      auto lane =
          (*backend)->Join(Get(to_child[0], kShmAddressBytes), end.sink.get());
      if (!lane.ok()) _exit(91);
      end.lane = std::move(lane).value();
      _exit(play(backend->get(), &end));
    }
    backend_ = std::move(ShmBackend::Create()).value();
    std::string invitation;
    auto lane = backend_->Invite(Get(to_parent[0], kShmAddressBytes),
                                 end_.sink.get(), &invitation);
    ASSERT_TRUE(lane.ok()) << lane.status().ToString();
    end_.lane = std::move(lane).value();
    ASSERT_TRUE(Put(to_child[1], invitation));
    for (int fd : {to_child[0], to_child[1], to_parent[0], to_parent[1]})
      close(fd);
  }

  bool ProgressUntil(const std::function<bool()>& done) {
    const auto end =
        std::chrono::steady_clock::now() + std::chrono::seconds(100);
    while (!done()) {
      if (std::chrono::steady_clock::now() > end) return false;
      backend_->Progress();
    }
    return true;
  }

  int ChildStatus() {
    int status = -1;
    EXPECT_EQ(waitpid(child_, &status, 0), child_);
    return status;
  }

  pid_t child_ = -1;
  std::unique_ptr<ShmBackend> backend_;
  BackendPair::End end_;
};

TEST_F(Processes, EveryByteArrives) {
  constexpr uint32_t kMessages = 200, kBytes = 100'000;
  Start([](ShmBackend* backend, BackendPair::End* end) {
    for (uint32_t i = 0; i < kMessages; ++i) {
      const auto payload = Pattern(i, 0, kBytes);
      end->lane->Send(DataFrame(i, 0, kBytes), payload.data());
      while (end->sink->arrivals.size() <= i) backend->Progress();
      if (end->sink->arrivals[i].frame.seq != i) return 1;
    }
    return 0;
  });
  end_.sink->on_frame = [](Lane* lane, const Frame& frame) {
    lane->Send(AckFrame(frame.seq), nullptr);
    return Status();
  };
  ASSERT_TRUE(
      ProgressUntil([&] { return end_.sink->arrivals.size() == kMessages; }));
  for (uint32_t i = 0; i < kMessages; ++i)
    ASSERT_EQ(end_.sink->arrivals[i].payload, Pattern(i, 0, kBytes)) << i;
  EXPECT_EQ(ChildStatus(), 0);
}

// The socket of the handshake tells of a kill (LaneGuard); here only that the
// survivor goes on and that its memory stays good.
TEST_F(Processes, AKilledPeerLeavesTheOtherWorking) {
  Start([](ShmBackend* backend, BackendPair::End* end) {
    const auto payload = Pattern(1, 0, 16 << 20);
    end->lane->Send(DataFrame(1, 0, payload.size()), payload.data());
    for (;;) backend->Progress();
    return 0;
  });
  ASSERT_TRUE(ProgressUntil([&] { return end_.sink->heads == 1; }));
  kill(child_, SIGKILL);
  EXPECT_TRUE(WIFSIGNALED(ChildStatus()));
  const auto payload = Pattern(2, 0, 1 << 20);
  end_.lane->Send(DataFrame(2, 0, payload.size()), payload.data());
  for (int i = 0; i < 1000; ++i) backend_->Progress();
  end_.lane.reset();
  BackendPair pair;
  EXPECT_EQ(pair.OpenLane(), 0);
}

TEST_F(Processes, AForkedChildHasNoPartInIt) {
  Start([](ShmBackend* backend, BackendPair::End* end) {
    while (end->sink->arrivals.empty()) backend->Progress();
    return end->sink->arrivals[0].payload == Pattern(1, 0, 50'000) ? 0 : 1;
  });
  // Not even the mapping: a look at it there would be a fault.
  auto memory = SharedMemory::Create(4096);
  ASSERT_TRUE(memory.ok());
  const pid_t forked = fork();
  if (forked == 0) {
    unsigned char in_core = 0;
    _exit(mincore(memory->data(), 4096, &in_core) != 0 ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(waitpid(forked, &status, 0), forked);
  EXPECT_EQ(status, 0);
  const auto payload = Pattern(1, 0, 50'000);
  end_.lane->Send(DataFrame(1, 0, payload.size()), payload.data());
  ASSERT_TRUE(ProgressUntil([&] { return end_.lane->queued_bytes() == 0; }));
  EXPECT_EQ(ChildStatus(), 0);
}

}  // namespace
}  // namespace ithaca
