// Two UCX backends in one process over "lo", for tests.
//
// A test that needs UCX starts with ITHACA_REQUIRE_UCX(), which skips it with
// the reason when there is none. Single-threaded.
#ifndef ITHACA_PLUGIN_UCX_UCX_TEST_SUPPORT_H_
#define ITHACA_PLUGIN_UCX_UCX_TEST_SUPPORT_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "plugin/core/log.h"
#include "plugin/core/status.h"
#include "plugin/transport/lane.h"
#include "plugin/transport/rail.h"
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

// One end's sink: gives each payload a poisoned buffer and keeps what came.
class RecordingSink : public LaneSink {
 public:
  struct Arrival {
    Frame frame;
    std::vector<uint8_t> payload;  // empty when dropped
  };

  Status OnFrameHead(Lane* lane, const Frame& frame, void** target) override;
  Status OnFrame(Lane* lane, const Frame& frame) override;
  void OnLaneDown(Lane* lane, const Status& why) override;

  // What to do beside recording; may be empty.
  std::function<Status(Lane*, const Frame&)> on_head, on_frame;
  bool drop = false;  // payloads

  std::vector<Arrival> arrivals;
  std::vector<Status> downs;
  int heads = 0;

 private:
  // By message and offset, which the tests keep distinct.
  std::map<std::pair<uint32_t, uint64_t>, std::vector<uint8_t>> open_;
};

// Byte i of a payload that starts at `offset` of message `seq`.
uint8_t PatternByte(uint32_t seq, uint64_t i);
std::vector<uint8_t> Pattern(uint32_t seq, uint64_t offset, size_t bytes);

Frame DataFrame(uint32_t seq, uint64_t offset, uint32_t bytes);
Frame EagerFrame(uint32_t seq, uint32_t bytes);

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
