// Lanes for tests: in memory, out of order, half-delivered, breakable.
//
// A FakeWire is one lane with its two ends. Deliver() moves one step of one
// frame, chosen at random: the head, a part of the payload, or the end. Frames
// of one direction arrive in any order, but one at a time, as on a socket.
#ifndef ITHACA_PLUGIN_TRANSPORT_FAKE_LANE_H_
#define ITHACA_PLUGIN_TRANSPORT_FAKE_LANE_H_

#include <deque>
#include <memory>
#include <random>
#include <string>

#include "plugin/transport/lane.h"

namespace ithaca {

class FakeWire {
 public:
  FakeWire(std::string name, std::mt19937* random)
      : name_(std::move(name)), random_(random) {}

  // The end `side` (0 or 1), whose callbacks go to `sink`. Call once per side.
  std::unique_ptr<Lane> TakeEnd(int side, LaneSink* sink);

  // One random step in either direction; false when nothing can move.
  bool Deliver();

  // The end `side` notices that the lane is dead. What it sent before may or
  // may not arrive at the other end.
  void Break(int side);

  bool up(int side) const { return ends_[side].up; }

 private:
  class End;
  struct Sent {
    Frame frame;
    const char* payload;  // user memory of the sender, or null
    bool forgotten = false;
    // Set when the sender's end broke: the network has the bytes itself.
    std::shared_ptr<std::string> copy = nullptr;
  };
  struct EndState {
    LaneSink* sink = nullptr;
    End* lane = nullptr;
    bool up = false;
    std::deque<Sent> to_peer;
    // What is half-received here.
    bool receiving = false;
    bool target_forgotten = false;
    Sent current;
    char* target = nullptr;
    size_t written = 0;
  };

  bool DeliverTo(int side);
  void Head(int side);
  void Finish(int side);
  void LeaveToNetwork(Sent* sent);
  void GoDown(int side, const Status& why);

  const std::string name_;
  std::mt19937* const random_;
  EndState ends_[2];
};

}  // namespace ithaca

#endif  // ITHACA_PLUGIN_TRANSPORT_FAKE_LANE_H_
