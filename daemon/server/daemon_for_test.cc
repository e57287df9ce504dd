#include "daemon/server/daemon_for_test.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace ithaca::server {

std::string MakeShortFolder() {
  // Bazel's temporary folder is too deep for the path of a socket.
  std::string folder = "/tmp/ithaca.XXXXXX";
  EXPECT_NE(mkdtemp(folder.data()), nullptr);
  return folder;
}

DaemonForTest::DaemonForTest()
    : log_([this](const std::string& line) {
        std::lock_guard<std::mutex> lock(mutex_);
        lines_.push_back(line);
      }) {
  options.run_dir = MakeShortFolder();
  options.log = &log_;
  options.drain_ms = 2000;
}

void DaemonForTest::Start() {
  auto daemon = Daemon::Start(options);
  ASSERT_TRUE(daemon.ok()) << daemon.status();
  daemon_ = std::move(*daemon);
}

void DaemonForTest::Stop() { daemon_.reset(); }

std::vector<std::string> DaemonForTest::LogLines() {
  std::lock_guard<std::mutex> lock(mutex_);
  return lines_;
}

int DaemonForTest::CountLog(const std::string& text) {
  int count = 0;
  for (const std::string& line : LogLines()) {
    count += line.find(text) != std::string::npos ? 1 : 0;
  }
  return count;
}

}  // namespace ithaca::server
