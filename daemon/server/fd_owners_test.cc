#include "daemon/server/fd_owners.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <string>

namespace ithaca::server {
namespace {

int OpenSomething() {
  const int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
  EXPECT_GE(fd, 0);
  return fd;
}

std::string Name(int fd) { return "fd:" + std::to_string(fd); }

TEST(FdOwners, KnowsWhoIsBehindANumber) {
  FdOwners owners;
  const int fd = OpenSomething();
  ASSERT_EQ(owners.Assign(fd, {1000, 100, 42}), fd);
  const auto peer = owners.Find(Name(fd));
  ASSERT_TRUE(peer.has_value());
  EXPECT_EQ(peer->uid, 1000u);
  EXPECT_EQ(peer->gid, 100u);
  EXPECT_EQ(peer->pid, 42);
  for (const char* other :
       {"", "fd:", "fd:x", "fd:-1", "fd:99999", "unix:", "ipv4:1.2.3.4:5"}) {
    EXPECT_FALSE(owners.Find(other).has_value()) << other;
  }
  close(fd);
}

TEST(FdOwners, TheSameUserGetsItsNumbersBack) {
  FdOwners owners;
  const int first = OpenSomething();
  ASSERT_EQ(owners.Assign(first, {1000, 100, 42}), first);
  close(first);
  const int again = OpenSomething();
  ASSERT_EQ(again, first);
  EXPECT_EQ(owners.Assign(again, {1000, 100, 43}), again);
  EXPECT_EQ(owners.Find(Name(again))->pid, 43);
  close(again);
}

TEST(FdOwners, ANumberNeverChangesItsUser) {
  FdOwners owners;
  const int first = OpenSomething();
  ASSERT_EQ(owners.Assign(first, {1000, 100, 42}), first);
  close(first);
  int fd = OpenSomething();
  ASSERT_EQ(fd, first);
  for (uid_t uid : {2000u, 3000u, 1000u}) {
    const auto moved = owners.Assign(fd, {uid, 100, 1});
    ASSERT_TRUE(moved.has_value());
    EXPECT_EQ(*moved == first, uid == 1000u);
    EXPECT_EQ(owners.Find(Name(*moved))->uid, uid);
    EXPECT_EQ(owners.Find(Name(first))->uid, 1000u);
    EXPECT_NE(fcntl(*moved, F_GETFD) & FD_CLOEXEC, 0);
    close(*moved);
    fd = OpenSomething();
  }
  close(fd);
}

TEST(FdOwners, AnotherGroupIsAnotherUser) {
  FdOwners owners;
  const int fd = OpenSomething();
  ASSERT_EQ(owners.Assign(fd, {1000, 100, 1}), fd);
  const int copy = dup(fd);
  close(fd);
  ASSERT_EQ(dup2(copy, fd), fd);
  const auto moved = owners.Assign(fd, {1000, 200, 1});
  ASSERT_TRUE(moved.has_value());
  EXPECT_NE(*moved, fd);
  close(*moved);
  close(copy);
}

TEST(FdOwners, WithoutANumberTheConnectionIsClosed) {
  FdOwners owners;
  const int fd = OpenSomething();
  ASSERT_EQ(owners.Assign(fd, {1000, 100, 1}), fd);
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  rlimit tight = before;
  tight.rlim_cur = static_cast<rlim_t>(fd) + 1;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &tight), 0);
  const auto moved = owners.Assign(fd, {2000, 100, 1});
  setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_FALSE(moved.has_value());
  EXPECT_EQ(fcntl(fd, F_GETFD), -1);
}

}  // namespace
}  // namespace ithaca::server
