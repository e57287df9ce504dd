// A process that has forked and is killed then is missed by its peers, although
// the child lives on.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <string>

#include "plugin/net/engine_sides.h"

namespace ithaca::net {
namespace {

// What the doomed process does: connects to the handle that comes through
// `in`, forks a child that does nothing, and says that child's id to `out`.
[[noreturn]] void BeDoomed(int in, int out) {
  alarm(60);
  Side side(LoopbackRails(1, 2));
  uint8_t handle[kHandleSize];
  if (read(in, handle, sizeof(handle)) != sizeof(handle)) _exit(1);
  std::unique_ptr<SendComm> comm;
  while (comm == nullptr || comm->connection()->lanes_up() < 2) {
    if (comm == nullptr) comm = *side.engine->Connect(side.device, handle);
    side.engine->Progress();
  }
  const pid_t child = fork();
  if (child == 0) {
    alarm(60);
    for (;;) pause();
  }
  if (write(out, &child, sizeof(child)) != sizeof(child)) _exit(2);
  for (;;) side.engine->Progress();
}

TEST(EngineFork, APeerThatForkedAndIsKilledIsMissedAtOnce) {
  int to_doomed[2], from_doomed[2];
  ASSERT_EQ(pipe(to_doomed), 0);
  ASSERT_EQ(pipe(from_doomed), 0);
  const pid_t doomed = fork();
  if (doomed == 0) BeDoomed(to_doomed[0], from_doomed[1]);
  ASSERT_GT(doomed, 0);

  Side side(LoopbackRails(10, 2));
  uint8_t handle[kHandleSize];
  auto listener = side.engine->Listen(side.device, handle);
  ASSERT_TRUE(listener.ok());
  ASSERT_EQ(write(to_doomed[1], handle, sizeof(handle)), sizeof(handle));
  std::unique_ptr<RecvComm> comm;
  ASSERT_TRUE(Until(&side, &side, [&] {
    if (comm == nullptr) comm = *side.engine->Accept(listener->get());
    return comm != nullptr && comm->connection()->lanes_up() == 2;
  }));
  pid_t child = 0;
  ASSERT_EQ(read(from_doomed[0], &child, sizeof(child)), sizeof(child));
  char byte;
  auto request = comm->connection()->Receive(&byte, 1, 0);
  ASSERT_TRUE(request.ok());

  kill(doomed, SIGKILL);
  EXPECT_EQ(waitpid(doomed, nullptr, 0), doomed);
  // Well below the peer time-out of 30 s, which would tell of it too.
  const auto patience =
      std::chrono::steady_clock::now() + std::chrono::seconds(15);
  while (comm->connection()->status().ok() &&
         std::chrono::steady_clock::now() < patience)
    side.engine->Progress();
  EXPECT_EQ(comm->connection()->status().code(), Code::kUnavailable);
  EXPECT_EQ(kill(child, 0), 0) << "the child should be alive still";
  kill(child, SIGKILL);
  for (int* fds : {to_doomed, from_doomed}) close(fds[0]), close(fds[1]);
}

}  // namespace
}  // namespace ithaca::net
