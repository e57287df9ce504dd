// A connection's lane, for tests of credit: takes what it is offered, and
// remembers what is coming.
//
// Used by tests; one thread; `broker` and `now` outlive it.
#ifndef ITHACA_PLUGIN_RAILS_TEST_RECEIVER_H_
#define ITHACA_PLUGIN_RAILS_TEST_RECEIVER_H_

#include <cstdint>
#include <deque>

#include "plugin/rails/credit_broker.h"

namespace ithaca::rails {

class TestReceiver : public CreditWaiter {
 public:
  struct Grant {
    uint64_t bytes;
    int64_t granted_ns;
  };
  TestReceiver(CreditBroker* broker, int64_t* now, int rail, uint64_t peer)
      : now_(*now) {
    ticket_.Enter(broker, rail, peer, this);
  }

  // As a connection does: takes what is offered, then waits.
  void OnCredit() override {
    ++calls;
    TakeAll();
  }
  void TakeAll() {
    while (const uint64_t bytes = wants ? ticket_.Offer(now_) : 0) Take(bytes);
    if (wants) ticket_.Wait();
  }
  void Take(uint64_t bytes) {
    ticket_.Take(bytes, now_);
    coming.push_back({bytes, now_});
    granted += bytes;
  }
  // What was granted first has come.
  void Arrive() {
    const Grant grant = coming.front();
    coming.pop_front();
    ticket_.Arrived(grant.bytes, {grant.granted_ns, grant.granted_ns, now_});
    arrived += grant.bytes;
  }
  Ticket& ticket() { return ticket_; }

  bool wants = true;  // there is always more
  int calls = 0;
  std::deque<Grant> coming;
  uint64_t granted = 0;
  uint64_t arrived = 0;

 private:
  int64_t& now_;
  Ticket ticket_;
};

}  // namespace ithaca::rails

#endif  // ITHACA_PLUGIN_RAILS_TEST_RECEIVER_H_
