#include "daemon/server/run_dir.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <string>

#include "daemon/server/daemon_for_test.h"

namespace ithaca::server {
namespace {

mode_t ModeOf(const std::string& path) {
  struct stat info {};
  EXPECT_EQ(lstat(path.c_str(), &info), 0) << path;
  return info.st_mode;
}

int ConnectTo(const std::string& path) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  const int result =
      connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address);
  close(fd);
  return result;
}

TEST(PrepareRunDir, MakesItPrivate) {
  const std::string path = MakeShortFolder() + "/run";
  ASSERT_TRUE(PrepareRunDir(path).ok());
  EXPECT_EQ(ModeOf(path) & 0777, 0750u & ~umask(022));
  umask(022);
  EXPECT_TRUE(PrepareRunDir(path).ok());
}

TEST(PrepareRunDir, RefusesWhatOthersCanWrite) {
  const std::string path = MakeShortFolder();
  ASSERT_EQ(chmod(path.c_str(), 0777), 0);
  const absl::Status status = PrepareRunDir(path);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(status.message().find("chmod o-w"), std::string::npos);
  std::ofstream(path + "/file") << "x";
  EXPECT_FALSE(PrepareRunDir(path + "/file").ok());
  EXPECT_FALSE(PrepareRunDir(path + "/no/such").ok());
}

TEST(ListeningSocket, IsForOwnerAndGroupOnly) {
  const std::string path = MakeShortFolder() + "/s";
  auto socket = ListeningSocket::Bind(path);
  ASSERT_TRUE(socket.ok()) << socket.status();
  EXPECT_EQ(ModeOf(path) & 0777, 0660u);
  EXPECT_TRUE(S_ISSOCK(ModeOf(path)));
  EXPECT_EQ(ConnectTo(path), 0);
  socket->reset();
  EXPECT_NE(access(path.c_str(), F_OK), 0) << "the socket is removed";
}

TEST(ListeningSocket, ALiveOneIsLeftAlone) {
  const std::string path = MakeShortFolder() + "/s";
  auto first = ListeningSocket::Bind(path);
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(ListeningSocket::Bind(path).status().code(),
            absl::StatusCode::kAlreadyExists);
  // Even when its lock file is gone, the connect test finds it.
  ASSERT_EQ(unlink((path + ".lock").c_str()), 0);
  EXPECT_EQ(ListeningSocket::Bind(path).status().code(),
            absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(ConnectTo(path), 0);
}

TEST(ListeningSocket, AStaleOneIsReplaced) {
  const std::string path = MakeShortFolder() + "/s";
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  close(fd);
  ASSERT_NE(ConnectTo(path), 0);
  auto socket = ListeningSocket::Bind(path);
  ASSERT_TRUE(socket.ok()) << socket.status();
  EXPECT_EQ(ConnectTo(path), 0);
}

TEST(ListeningSocket, WhatIsNotASocketIsNotRemoved) {
  const std::string path = MakeShortFolder() + "/s";
  std::ofstream(path) << "precious";
  EXPECT_EQ(ListeningSocket::Bind(path).status().code(),
            absl::StatusCode::kFailedPrecondition);
  std::string content;
  std::ifstream(path) >> content;
  EXPECT_EQ(content, "precious");
}

}  // namespace
}  // namespace ithaca::server
