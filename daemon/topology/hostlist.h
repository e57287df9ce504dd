// Lists of names in Slurm's short form: "node[001-128,130],login".
//
// Used by the readers and writers of files. Pure; safe from any thread.
#ifndef ITHACA_DAEMON_TOPOLOGY_HOSTLIST_H_
#define ITHACA_DAEMON_TOPOLOGY_HOSTLIST_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace ithaca::topology {

// The names of `text`, in its order. A name may have several brackets, whose
// last changes fastest; a range keeps the zeros before its numbers. Errors:
// INVALID_ARGUMENT saying what is wrong, when brackets or ranges are malformed,
// a name is empty or more than 253 bytes, or there are more than `most` names.
absl::StatusOr<std::vector<std::string>> ExpandHostlist(absl::string_view text,
                                                        size_t most);

// The names as text that ExpandHostlist reads as `names`: runs of names that
// differ in their last number alone, counting up by one, become one range.
// REQUIRES: no name is empty or holds ",", "[" or "]".
std::string CompressHostlist(const std::vector<std::string>& names);

}  // namespace ithaca::topology

#endif  // ITHACA_DAEMON_TOPOLOGY_HOSTLIST_H_
