// A peer that is killed is missed by its own connections, in either direction,
// and by nobody else: another communicator of the same process goes on.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <memory>
#include <random>
#include <string>

#include "plugin/net/engine_sides.h"

namespace ithaca::net {
namespace {

using SteadyClock = std::chrono::steady_clock;

void Exchange(int in, int out, uint8_t mine[kHandleSize],
              uint8_t theirs[kHandleSize]) {
  if (write(out, mine, kHandleSize) != kHandleSize ||
      read(in, theirs, kHandleSize) != kHandleSize)
    abort();
}

// Connects to the peer's handle, and is connected to.
Link ConnectBothWays(Side* side, int in, int out) {
  Link link;
  uint8_t mine[kHandleSize], theirs[kHandleSize];
  auto listener = side->engine->Listen(side->device, mine);
  Exchange(in, out, mine, theirs);
  Until(side, side, [&] {
    if (link.send == nullptr)
      link.send = *side->engine->Connect(side->device, theirs);
    if (link.recv == nullptr)
      link.recv = *side->engine->Accept(listener->get());
    return link.send != nullptr && link.recv != nullptr &&
           link.send->connection()->lanes_up() == 2 &&
           link.recv->connection()->lanes_up() == 2;
  });
  return link;
}

[[noreturn]] void BeDoomed(int in, int out) {
  alarm(60);
  Side side(LoopbackRails(1, 2));
  const Link link = ConnectBothWays(&side, in, out);
  for (;;) side.engine->Progress();
}

// One message of random bytes through a link within this process.
void Transfer(Side* a, Side* b, const Link& link) {
  std::mt19937 random(std::random_device{}());
  std::string data(300'000, '\0'), got(300'000, '\x5a');
  for (char& c : data) c = random();
  auto received = link.recv->connection()->Receive(got.data(), got.size(), 0);
  auto sent = link.send->connection()->Send(data.data(), data.size(), 0);
  ASSERT_TRUE(received.ok() && sent.ok());
  uint64_t bytes;
  bool in = false, out = false;
  ASSERT_TRUE(Until(a, b, [&] {
    if (!in) in = *link.recv->connection()->Test(*received, &bytes);
    if (!out) out = *link.send->connection()->Test(*sent, &bytes);
    return in && out;
  }));
  EXPECT_TRUE(got == data);
}

TEST(EngineKill, ThePeerOfAKilledProcessHasAnErrorAndNobodyElse) {
  int to_doomed[2], from_doomed[2];
  ASSERT_EQ(pipe(to_doomed), 0);
  ASSERT_EQ(pipe(from_doomed), 0);
  const pid_t doomed = fork();
  if (doomed == 0) BeDoomed(to_doomed[0], from_doomed[1]);
  ASSERT_GT(doomed, 0);

  Side side(LoopbackRails(10, 2));
  const Link link = ConnectBothWays(&side, from_doomed[0], to_doomed[1]);
  ASSERT_NE(link.send, nullptr);
  ASSERT_NE(link.recv, nullptr);
  Side a(LoopbackRails(20, 2)), b(LoopbackRails(30, 2));
  const Link other = ConnectSides(&a, &b, 2);
  ASSERT_NE(other.send, nullptr);
  Transfer(&a, &b, other);

  char buffer[100];
  const std::string data(1 << 20, 'x');
  ASSERT_TRUE(link.recv->connection()->Receive(buffer, 100, 0).ok());
  ASSERT_TRUE(link.send->connection()->Send(data.data(), data.size(), 0).ok());
  kill(doomed, SIGKILL);
  EXPECT_EQ(waitpid(doomed, nullptr, 0), doomed);
  const auto killed = SteadyClock::now();
  // Well below the peer time-out of 30 s, which would tell of it too.
  while (SteadyClock::now() - killed < std::chrono::seconds(15) &&
         (link.recv->connection()->status().ok() ||
          link.send->connection()->status().ok())) {
    side.engine->Progress();
    a.engine->Progress();
    b.engine->Progress();
  }
  printf("both directions failed after %.3f s\n",
         std::chrono::duration<double>(SteadyClock::now() - killed).count());
  EXPECT_EQ(link.recv->connection()->status().code(), Code::kUnavailable);
  EXPECT_EQ(link.send->connection()->status().code(), Code::kUnavailable);
  Transfer(&a, &b, other);
  for (int* fds : {to_doomed, from_doomed}) close(fds[0]), close(fds[1]);
}

}  // namespace
}  // namespace ithaca::net
