// Which process this is, in one word that no later process shares.
//
// A process id alone comes back; with its start time it does not. Used for the
// owners of slots. Stateless; thread-safe.
#ifndef ITHACA_PLUGIN_NODEPAGE_PROCESS_ID_H_
#define ITHACA_PLUGIN_NODEPAGE_PROCESS_ID_H_

#include <sys/types.h>

#include <cstdint>
#include <string>

namespace ithaca::nodepage {

// Start time since boot in clock ticks << 22 | process id; 0 when there is no
// such process (or no /proc). Process ids have at most 22 bits.
uint64_t ProcessWord(pid_t pid);

// The same from the text of /proc/<pid>/stat; 0 when it makes no sense.
uint64_t ProcessWordFrom(pid_t pid, const std::string& stat);

// Whether the process that `word` names runs, as seen from this namespace of
// process ids. Reads /proc: not for the data path.
bool IsAlive(uint64_t word);

// Inodes of namespaces, each unique on the machine; 0 when unknown.
uint64_t ProcessNamespace();
uint64_t NetworkNamespace();

}  // namespace ithaca::nodepage

#endif  // ITHACA_PLUGIN_NODEPAGE_PROCESS_ID_H_
