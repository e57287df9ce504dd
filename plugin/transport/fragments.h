// Which bytes of a message have been granted, to which lane, and which arrived.
//
// A fragment is cut off the message when it is granted, as large as the lane
// takes just then, and keeps its bounds for good: when its lane dies it is
// granted again as it is, so that copies of it cannot overlap in part.
//
// Used by RecvConnection, one per message. Confined to the thread that holds
// the engine's lock.
#ifndef ITHACA_PLUGIN_TRANSPORT_FRAGMENTS_H_
#define ITHACA_PLUGIN_TRANSPORT_FRAGMENTS_H_

#include <cstdint>
#include <vector>

namespace ithaca {

struct Fragment {
  enum class State : uint8_t { kLost, kGranted, kArrived };
  uint64_t offset = 0;
  uint32_t bytes = 0;
  State state = State::kGranted;
  int8_t lane = 0;         // where it was granted last
  int8_t via = 0;          // which lane carried that grant
  int64_t granted_ns = 0;  // when
};

class Fragments {
 public:
  // A message of `bytes`, nothing granted.
  void Reset(uint64_t bytes);

  // Bytes that want a grant, lost ones included.
  uint64_t ungranted() const { return bytes_ - cut_ + lost_bytes_; }
  // Whether every byte has arrived.
  bool complete() const { return arrived_ == bytes_; }

  // The next fragment to grant, of `bytes` if it is a fresh one: to `lane`, by
  // a grant that travels on `via`, at `now_ns`. REQUIRES: ungranted() > 0,
  // bytes > 0.
  const Fragment& Grant(uint64_t bytes, int lane, int via, int64_t now_ns);

  // The fragment of exactly these bytes, or null: it was never granted. Valid
  // until the next Grant().
  const Fragment* Find(uint64_t offset, uint32_t bytes) const;
  // It arrived. REQUIRES: it has not before.
  void Arrive(const Fragment* fragment);

  // What was granted to `lane`, or by a grant on it, and has not arrived wants
  // a grant again. Calls lost(fragment) for each.
  template <typename F>
  void Lose(int lane, F lost) {
    for (Fragment& fragment : fragments_) {
      if (fragment.state != Fragment::State::kGranted ||
          (fragment.lane != lane && fragment.via != lane))
        continue;
      lost(fragment);
      SetLost(&fragment);
    }
  }

 private:
  void SetLost(Fragment* fragment);

  uint64_t bytes_ = 0;
  uint64_t cut_ = 0;  // fragments_ cover [0, cut_), by offset
  uint64_t arrived_ = 0;
  uint64_t lost_bytes_ = 0;
  std::vector<Fragment> fragments_;
};

}  // namespace ithaca

#endif  // ITHACA_PLUGIN_TRANSPORT_FRAGMENTS_H_
