// Keeps a UCX that only this plugin uses from changing the process it is in.
//
// Used by LoadUcx() alone; confined to its thread.
#ifndef ITHACA_PLUGIN_UCX_UCX_LOAD_GUARD_H_
#define ITHACA_PLUGIN_UCX_UCX_LOAD_GUARD_H_

#include <string>

#include "plugin/core/status.h"
#include "plugin/ucx/library_opener.h"

namespace ithaca {

// To be called before libucs is loaded. As libucs loads, it has libucm
// overwrite the first bytes of mmap, munmap, madvise, brk and others: a thread
// that runs there at that moment crashes, and sanitizers trip over it ever
// after. libucm does so once, and not when its events are off; so this loads
// libucm by itself, turns them off and lets that once pass.
//
// NOT_FOUND when libucm is absent; FAILED_PRECONDITION, with the remedy, when
// it cannot be loaded alone, or is not laid out as known from 1.13 to 1.22.
// Does nothing if the user set UCX_MEM_EVENTS.
Status DisarmMemoryHooks(const std::string& libucm, LibraryOpener& opener);

// To be called after libucs (`ucs`) was loaded: takes out its signal handlers
// and quietens its log. See LoadUcx().
void Quieten(void* ucs, LibraryOpener& opener);

}  // namespace ithaca

#endif  // ITHACA_PLUGIN_UCX_UCX_LOAD_GUARD_H_
