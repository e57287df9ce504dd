// Peers in odd shapes: other packet sizes, and a process that is killed.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "plugin/ucx/ucx_backend.h"
#include "plugin/ucx/ucx_test_support.h"
#include "plugin/ucx/ucx_wire.h"

namespace ithaca {
namespace {

// What one end needs to open a lane to the other.
struct Invitation {
  uint64_t id;
  uint32_t address_bytes;
  char address[kMaxAddressBytes];
};

Invitation Invite(LaneBackend* backend) {
  Invitation invitation = {};
  invitation.id = backend->ReserveLaneId();
  const std::string address = backend->Address(0).value();
  invitation.address_bytes = address.size();
  memcpy(invitation.address, address.data(), address.size());
  return invitation;
}

std::unique_ptr<Lane> Accept(LaneBackend* backend, uint64_t own_id,
                             const Invitation& peer, LaneSink* sink) {
  auto lane = backend->Open(0, own_id,
                            std::string_view(peer.address, peer.address_bytes),
                            peer.id, sink);
  EXPECT_TRUE(lane.ok()) << lane.status().ToString();
  return std::move(*lane);
}

void WriteAll(int fd, const void* data, size_t bytes) {
  if (write(fd, data, bytes) != static_cast<ssize_t>(bytes)) abort();
}
void ReadAll(int fd, void* data, size_t bytes) {
  auto* at = static_cast<uint8_t*>(data);
  while (bytes > 0) {
    const ssize_t n = read(fd, at, bytes);
    if (n <= 0) abort();
    at += n;
    bytes -= n;
  }
}

// The child: echoes one frame and then only polls, until it is killed.
[[noreturn]] void Child(int in, int out) {
  LogLines log;
  auto backend = UcxBackend::Create(LoadUcx().value(), {LoopbackRail()}, log);
  RecordingSink sink;
  const Invitation own = Invite(backend.value().get());
  WriteAll(out, &own, sizeof(own));
  Invitation peer;
  ReadAll(in, &peer, sizeof(peer));
  auto lane = Accept(backend.value().get(), own.id, peer, &sink);
  while (sink.arrivals.empty()) backend.value()->Progress();
  const auto& got = sink.arrivals[0];
  lane->Send(got.frame, got.payload.data());
  for (;;) backend.value()->Progress();
}

// Must be this binary's first test: the child is forked before UCX is loaded.
TEST(UcxPeersTest, AKilledProcessTakesItsLaneDown) {
  int to_child[2], from_child[2];
  ASSERT_EQ(pipe(to_child), 0);
  ASSERT_EQ(pipe(from_child), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    if (!LoadUcx().ok()) _exit(0);
    Child(to_child[0], from_child[1]);
  }
  struct Reaper {
    ~Reaper() {
      kill(pid, SIGKILL);
      waitpid(pid, nullptr, 0);
    }
    pid_t pid;
  } reaper{child};
  ITHACA_REQUIRE_UCX();

  LogLines log;
  auto backend = UcxBackend::Create(SystemUcx().value(), {LoopbackRail()}, log);
  ASSERT_TRUE(backend.ok());
  RecordingSink sink;
  const Invitation own = Invite(backend->get());
  Invitation peer;
  ReadAll(from_child[0], &peer, sizeof(peer));
  WriteAll(to_child[1], &own, sizeof(own));
  auto lane = Accept(backend->get(), own.id, peer, &sink);
  const std::vector<uint8_t> payload = Pattern(1, 0, 400000);
  lane->Send(DataFrame(1, 0, 400000), payload.data());
  while (sink.arrivals.empty() && sink.downs.empty()) (*backend)->Progress();
  ASSERT_EQ(sink.arrivals.size(), 1u);
  EXPECT_EQ(sink.arrivals[0].payload, payload);

  kill(child, SIGKILL);
  while (sink.downs.empty()) (*backend)->Progress();
  EXPECT_EQ(sink.downs[0].code(), Code::kUnavailable)
      << sink.downs[0].ToString();
}

// NCCL programs often exit without destroying their communicators.
TEST(UcxPeersDeathTest, AProcessMayExitWithLanesOpen) {
  ITHACA_REQUIRE_UCX();
#ifdef ITHACA_SANITIZED
  GTEST_SKIP() << "LeakSanitizer crashes at exit while UCX's thread runs";
#endif
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(
      {
        static BackendPair* pair;  // not a leak
        pair = new BackendPair;
        const int i = pair->OpenLane();
        static const std::vector<uint8_t> payload = Pattern(0, 0, 16 << 20);
        pair->a[i].lane->Send(DataFrame(0, 0, 16 << 20), payload.data());
        pair->ProgressUntil([&] { return pair->b[i].sink->heads > 0; });
        exit(0);
      },
      ::testing::ExitedWithCode(0), "");
}

// A peer that takes shorter chunks than ours, and one whose environment asks
// UCX for other packets: UCX would abort whoever is sent a longer one.
TEST(UcxPeersTest, PeersWithOtherPacketSizes) {
  ITHACA_REQUIRE_UCX();
  for (const char* size : {"2K", "16K", "1M"}) {
    LogLines log;
    setenv("UCX_TCP_RX_SEG_SIZE", size, 1);
    auto odd = UcxBackend::Create(SystemUcx().value(), {LoopbackRail()}, log);
    unsetenv("UCX_TCP_RX_SEG_SIZE");
    auto usual = UcxBackend::Create(SystemUcx().value(), {LoopbackRail()}, log);
    ASSERT_TRUE(odd.ok()) << odd.status().ToString();
    RecordingSink odd_sink, usual_sink;
    Invitation x = Invite(odd->get());
    const Invitation y = Invite(usual->get());
    RailAddress address =
        DecodeRailAddress(std::string_view(x.address, x.address_bytes)).value();
    address.chunk_bytes = 4000;
    const std::string shorter = EncodeRailAddress(address);
    ASSERT_EQ(shorter.size(), x.address_bytes);
    memcpy(x.address, shorter.data(), shorter.size());
    auto odd_lane = Accept(odd->get(), x.id, y, &odd_sink);
    auto usual_lane = Accept(usual->get(), y.id, x, &usual_sink);
    const std::vector<uint8_t> payload = Pattern(3, 0, 1 << 20);
    for (const uint32_t bytes : {1u, 2000u, 4001u, 131072u, 1u << 20}) {
      odd_lane->Send(DataFrame(3, bytes, bytes), payload.data());
      usual_lane->Send(DataFrame(3, bytes, bytes), payload.data());
    }
    while (odd_sink.arrivals.size() < 5 || usual_sink.arrivals.size() < 5) {
      (*odd)->Progress();
      (*usual)->Progress();
      ASSERT_TRUE(odd_sink.downs.empty() && usual_sink.downs.empty());
    }
    for (const auto* sink : {&odd_sink, &usual_sink})
      for (const auto& arrival : sink->arrivals)
        ASSERT_EQ(memcmp(arrival.payload.data(), payload.data(),
                         arrival.frame.payload_bytes),
                  0)
            << size;
  }
}

}  // namespace
}  // namespace ithaca
