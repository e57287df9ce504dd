// Bad peers for tests: raw connections and frames, and a daemon whose good
// client goes on being served meanwhile.
//
// Threads: the test's, and one for the good client.
#ifndef ITHACA_DAEMON_SERVER_HOSTILE_FOR_TEST_H_
#define ITHACA_DAEMON_SERVER_HOSTILE_FOR_TEST_H_

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "daemon/clients/cc/client.h"
#include "daemon/server/daemon_for_test.h"

namespace ithaca::server {

// The preface and an empty SETTINGS frame.
extern const std::string kHello;

// A raw connection. Writes and reads give up rather than hang.
class Raw {
 public:
  explicit Raw(const std::string& path);
  ~Raw();
  Raw(const Raw&) = delete;
  Raw& operator=(const Raw&) = delete;

  bool connected() const { return connected_; }
  // Whether all of it was taken.
  bool Send(const std::string& bytes);
  // As much as is taken at once, then no more.
  void SendWhatFits(const std::string& bytes);
  // Whether the daemon closed it, after whatever it sent.
  bool IsClosed();

 private:
  const int fd_;
  bool connected_ = false;
};

// An HTTP/2 frame.
std::string Frame(uint32_t length, uint8_t type, uint8_t flags, uint32_t stream,
                  const std::string& payload);
// The header block of a gRPC call, without compression.
std::string CallHeaders(const std::string& method);
// HEADERS of such a call, with END_HEADERS.
std::string HeadersFrame(uint32_t stream, const std::string& method);

class HostileTest : public testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;
  // Another client, with a connection of its own.
  std::unique_ptr<client::Client> Another();
  // The good client gets answers, and a new one can come in.
  void ServesStill();

  DaemonForTest daemon_;

 private:
  void BeGood();

  std::unique_ptr<client::Client> client_;
  std::thread good_;
  std::atomic<bool> stop_{false};
  std::atomic<int> served_{0};
  // The good client's, ms; its thread's until it ended.
  std::vector<double> took_ms_;
};

}  // namespace ithaca::server

#endif  // ITHACA_DAEMON_SERVER_HOSTILE_FOR_TEST_H_
