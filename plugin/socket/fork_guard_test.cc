// What a forked child keeps open, and what it does not.
#include "plugin/socket/fork_guard.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <functional>

namespace ithaca {
namespace {

// The exit status of a child that runs `body`.
int InChild(const std::function<int()>& body) {
  const pid_t child = fork();
  if (child == 0) _exit(body());
  int status = -1;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

bool IsOpen(int fd) { return fcntl(fd, F_GETFD) >= 0 || errno != EBADF; }

TEST(ForkGuard, AChildHasNoneOfThem) {
  const int mine = OpenForThisProcess(
      [] { return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0); });
  ASSERT_GE(mine, 0);
  const int plain = socket(AF_INET, SOCK_STREAM, 0);
  EXPECT_EQ(InChild([&] { return IsOpen(mine) * 2 + IsOpen(plain); }), 1);
  EXPECT_TRUE(IsOpen(mine));
  close(mine);
  close(plain);
}

TEST(ForkGuard, ANumberThatIsUsedForSomethingElseStaysOpen) {
  const int mine =
      OpenForThisProcess([] { return socket(AF_INET, SOCK_STREAM, 0); });
  close(mine);
  const int other = socket(AF_INET, SOCK_STREAM, 0);
  ASSERT_EQ(other, mine) << "the kernel gives the lowest free number";
  EXPECT_EQ(InChild([&] { return IsOpen(other) ? 0 : 1; }), 0);
  close(other);
}

TEST(ForkGuard, AChildDoesNotShutTheConnectionDown) {
  int pair[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
  const int mine = OpenForThisProcess([&] { return dup(pair[0]); });
  close(pair[0]);
  EXPECT_EQ(InChild([&] { return IsOpen(mine) ? 1 : 0; }), 0);
  char byte = 0;
  EXPECT_EQ(send(mine, "x", 1, 0), 1);
  EXPECT_EQ(recv(pair[1], &byte, 1, 0), 1);
  close(mine);
  close(pair[1]);
}

TEST(ForkGuard, FailuresComeBackAsTheyAre) {
  errno = 0;
  EXPECT_EQ(OpenForThisProcess([] { return dup(-1); }), -1);
  EXPECT_EQ(errno, EBADF);
}

TEST(ForkGuard, ChildrenOfChildrenMayOpenTheirOwn) {
  EXPECT_EQ(InChild([] {
              const int mine = OpenForThisProcess(
                  [] { return socket(AF_INET, SOCK_STREAM, 0); });
              const bool kept = IsOpen(mine);
              const int status = InChild([&] { return IsOpen(mine) ? 1 : 0; });
              return kept && status == 0 ? 0 : 1;
            }),
            0);
}

}  // namespace
}  // namespace ithaca
