// Descriptors that a child made by fork must not keep.
//
// A socket lives as long as anybody holds it: a forked child (a data loader,
// say) would keep the connections of its parent up after the parent was killed,
// and the peers would wait for a rank that is gone. So the child closes them
// before fork returns in it; closing does not shut a connection down, and the
// parent goes on with its own descriptors.
//
// Used by whatever makes sockets. Thread-safe. What was opened here may be
// closed anywhere, by close(): the child makes sure that a number still means
// what it meant.
#ifndef ITHACA_PLUGIN_SOCKET_FORK_GUARD_H_
#define ITHACA_PLUGIN_SOCKET_FORK_GUARD_H_

#include <functional>

namespace ithaca {

// Returns what `open` returns: a new descriptor, or -1 with errno. No fork
// happens between the opening and its being noted.
int OpenForThisProcess(const std::function<int()>& open);

}  // namespace ithaca

#endif  // ITHACA_PLUGIN_SOCKET_FORK_GUARD_H_
