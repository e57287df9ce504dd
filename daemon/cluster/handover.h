// Tells ThreadSanitizer what gRPC guarantees: an object that was handed to it
// is whole when it calls back. It hands objects from thread to thread under
// locks that the sanitizer cannot see into. Nothing in other builds.
//
// Used by reactors, and for what calls use until their server's Shutdown ends
// them. Threads: any.
#ifndef ITHACA_DAEMON_CLUSTER_HANDOVER_H_
#define ITHACA_DAEMON_CLUSTER_HANDOVER_H_

#ifdef __SANITIZE_THREAD__
extern "C" void __tsan_acquire(void*);
extern "C" void __tsan_release(void*);
#endif

namespace ithaca::cluster {

// Before gRPC gets `object`.
inline void HandOver([[maybe_unused]] void* object) {
#ifdef __SANITIZE_THREAD__
  __tsan_release(object);
#endif
}

// First thing in OnDone.
inline void TakeBack([[maybe_unused]] void* object) {
#ifdef __SANITIZE_THREAD__
  __tsan_acquire(object);
#endif
}

// Lives as long as any other reaction runs.
class Reaction {
 public:
  explicit Reaction(void* object) : object_(object) { TakeBack(object_); }
  ~Reaction() { HandOver(object_); }
  Reaction(const Reaction&) = delete;
  Reaction& operator=(const Reaction&) = delete;

 private:
  void* const object_;
};

}  // namespace ithaca::cluster

#endif  // ITHACA_DAEMON_CLUSTER_HANDOVER_H_
