// Drives what owes the network something while nobody polls it.
//
// Small sends complete before their messages have arrived. NCCL may then leave
// the plugin alone for as long as it likes, or close it; but the messages have
// to be sent again if their lane dies, and acknowledged where they arrived, once
// more if a dying lane took the acknowledgement along. So one thread looks after
// engines now and then while they watch a connection. It does nothing for one
// that is polled, and sleeps while none has such work.
//
// Used by the runtime (one per process) and the engines. Thread-safe; Care()
// may be called with the lock of a charge held.
#ifndef ITHACA_PLUGIN_NET_CARETAKER_H_
#define ITHACA_PLUGIN_NET_CARETAKER_H_

#include <condition_variable>
#include <list>
#include <memory>
#include <mutex>
#include <thread>

namespace ithaca::net {

class Caretaker {
 public:
  class Charge {
   public:
    virtual ~Charge() = default;
    // Called from the caretaker's thread, with no lock of its own held, and
    // with a reference to the charge. False: not again until the next Care().
    virtual bool LookAfter() = 0;
  };

  Caretaker() = default;
  // Waits for its thread.
  ~Caretaker();

  // Looks after `charge` from now on, every kRoundMs, while it exists and until
  // it says so. Not to be called again before it says no.
  void Care(const std::shared_ptr<Charge>& charge);

  static constexpr int kRoundMs = 20;

 private:
  void Run();
  void Round();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::list<std::weak_ptr<Charge>> charges_;  // the thread alone removes any
  bool stop_ = false;
  std::thread thread_;  // from the first Care() on
};

}  // namespace ithaca::net

#endif  // ITHACA_PLUGIN_NET_CARETAKER_H_
