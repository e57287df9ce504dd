// Tells ThreadSanitizer what gRPC guarantees: an object that was handed to it
// is whole when it calls back. It hands objects from thread to thread under
// locks that the sanitizer cannot see into. Nothing in other builds.
//
// Used by reactors. Threads: any.
#ifndef ITHACA_DAEMON_CLUSTER_HANDOVER_H_
#define ITHACA_DAEMON_CLUSTER_HANDOVER_H_

#ifdef __SANITIZE_THREAD__
extern "C" void __tsan_acquire(void*);
extern "C" void __tsan_release(void*);
#endif

namespace ithaca::cluster {

// Before gRPC gets `object`, and whenever it gets it back.
inline void HandOver([[maybe_unused]] void* object) {
#ifdef __SANITIZE_THREAD__
  __tsan_release(object);
#endif
}

// First thing when gRPC calls back.
inline void TakeOver([[maybe_unused]] void* object) {
#ifdef __SANITIZE_THREAD__
  __tsan_acquire(object);
#endif
}

}  // namespace ithaca::cluster

#endif  // ITHACA_DAEMON_CLUSTER_HANDOVER_H_
