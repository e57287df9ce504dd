// Two engines in one process, joined over loopback: for tests and benchmarks of
// this folder.
//
// Test-only. One thread.
#ifndef ITHACA_PLUGIN_NET_ENGINE_SIDES_H_
#define ITHACA_PLUGIN_NET_ENGINE_SIDES_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "plugin/core/clock.h"
#include "plugin/core/log.h"
#include "plugin/net/engine.h"

namespace ithaca::net {

class CapturingLog : public LogSink {
 public:
  void Write(LogLevel level, const char*, int, const char* text) override {
    if (level == LogLevel::kWarn) warnings.push_back(text);
  }
  std::vector<std::string> warnings;
};

// 127.0.0.<first> and on: loopback answers on all of them.
std::vector<Rail> LoopbackRails(int first, int count);

// The default options, with fragments of 16 KiB.
Options SmallFragments();

// One process's side: an engine with one device of all its rails, and lanes of
// plain sockets unless there is a backend, or over shared memory to sides of
// the same `host` (0: none). With a page it shares its NICs with the others on
// it. Aborts when there can be none.
struct Side {
  explicit Side(std::vector<Rail> rails, const Clock* clock = &MonotonicClock(),
                Options options = SmallFragments(),
                std::unique_ptr<LaneBackend> backend = nullptr,
                uint64_t host = 0,
                std::shared_ptr<nodepage::NodePage> page = nullptr,
                Caretaker* caretaker = nullptr);
  CapturingLog log;
  Device device;
  std::shared_ptr<Engine> engine;
};

// A connection from one side to the other, or to itself.
struct Link {
  std::unique_ptr<SendComm> send;
  std::unique_ptr<RecvComm> recv;
};

// Polls both sides until `done`; false when it never is.
bool Until(Side* a, Side* b, const std::function<bool()>& done);

// A connection with `lanes` lanes up at both ends; null ends when there came
// none.
Link ConnectSides(Side* a, Side* b, int lanes);

}  // namespace ithaca::net

#endif  // ITHACA_PLUGIN_NET_ENGINE_SIDES_H_
