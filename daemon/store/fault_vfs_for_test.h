// A SQLite VFS that hands on to the default one until it is told to fail.
//
// Used by the store's tests. Threads: any. Life: registered once per process,
// for ever.
#ifndef ITHACA_DAEMON_STORE_FAULT_VFS_FOR_TEST_H_
#define ITHACA_DAEMON_STORE_FAULT_VFS_FOR_TEST_H_

#include <atomic>

namespace ithaca::store {

// What fails. Each counts down: the operation that finds it at 1 fails, and all
// after it do too until it is set again; 0: nothing fails.
struct Faults {
  // SQLite code returned by the failing operation.
  std::atomic<int> code{0};
  // Writes of a file.
  std::atomic<int> writes{0};
  // Syncs of a file.
  std::atomic<int> syncs{0};
  // Whether the first failing write still puts down half of its bytes.
  std::atomic<bool> torn{false};

  void Clear();
};

// Registers the VFS named "fault" and returns its switches.
Faults& RegisterFaultVfs();

}  // namespace ithaca::store

#endif  // ITHACA_DAEMON_STORE_FAULT_VFS_FOR_TEST_H_
