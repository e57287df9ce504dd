// What this process mounts is seen by it and its children alone, and is gone
// when they are, however they end.
//
// Included by tests that mount disks of their own. Done before main, when there
// is one thread: namespaces are each thread's, and handed on to those it makes.
#ifndef ITHACA_TESTS_HISTORIES_PRIVATE_MOUNTS_H_
#define ITHACA_TESTS_HISTORIES_PRIVATE_MOUNTS_H_

#include <sched.h>
#include <sys/mount.h>

namespace ithaca::histories {

// False without the right to do so.
inline const bool kPrivateMounts =
    unshare(CLONE_NEWNS) == 0 &&
    mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;

}  // namespace ithaca::histories

#endif  // ITHACA_TESTS_HISTORIES_PRIVATE_MOUNTS_H_
