// Two UCX backends in one process over "lo", for tests.
//
// A test that needs UCX starts with ITHACA_REQUIRE_UCX(), which skips it with
// the reason when there is none. Single-threaded.
#ifndef ITHACA_PLUGIN_UCX_UCX_TEST_SUPPORT_H_
#define ITHACA_PLUGIN_UCX_UCX_TEST_SUPPORT_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "plugin/core/log.h"
#include "plugin/core/status.h"
#include "plugin/transport/lane.h"
#include "plugin/transport/rail.h"
#include "plugin/transport/recording_sink.h"
#include "plugin/ucx/ucx_api.h"

namespace ithaca {

// The machine's UCX; loaded once.
const StatusOr<UcxApi>& SystemUcx();

#define ITHACA_REQUIRE_UCX()                                    \
  do {                                                          \
    if (!::ithaca::SystemUcx().ok())                            \
      GTEST_SKIP() << ::ithaca::SystemUcx().status().message(); \
  } while (false)

Rail LoopbackRail();

// Keeps the lines.
class LogLines : public LogSink {
 public:
  void Write(LogLevel, const char*, int, const char* text) override {
    lines.push_back(text);
  }
  int CountWith(const std::string& part) const;
  std::vector<std::string> lines;
};

// Two backends (or one with itself) and lanes between them.
class BackendPair {
 public:
  // REQUIRES: SystemUcx().ok().
  explicit BackendPair(bool same_backend = false);
  ~BackendPair();

  // Opens one more lane; its index. Lanes are opened at both ends at once.
  int OpenLane();

  LaneBackend* left() { return left_.get(); }
  LaneBackend* right() { return right_ ? right_.get() : left_.get(); }
  void Progress();
  // Until `done`; false after a generous bound, 100 s.
  bool ProgressUntil(const std::function<bool()>& done);

  struct End {
    std::unique_ptr<Lane> lane;
    std::unique_ptr<RecordingSink> sink;
    uint64_t id;
  };
  std::vector<End> a, b;  // a[i] is b[i]'s peer
  LogLines log;

  void DestroyRight();
  void DestroyLeft();

 private:
  std::unique_ptr<LaneBackend> left_, right_;
};

}  // namespace ithaca

#endif  // ITHACA_PLUGIN_UCX_UCX_TEST_SUPPORT_H_
