// What the daemons of a cluster keep in the store about themselves.
//
// Used by Coordinator. Threads: pure functions.
#ifndef ITHACA_DAEMON_CLUSTER_RECORDS_H_
#define ITHACA_DAEMON_CLUSTER_RECORDS_H_

#include <cstdint>
#include <optional>
#include <string>

#include "daemon/cluster/election.h"
#include "daemon/store/store.h"

namespace ithaca::cluster {

// Below it lies everything.
extern const char kClusterPrefix[];
extern const char kCoordinatorKey[];

// The record of the coordinator, signed for the `signature`th time.
store::Op EncodeCoordinator(const Holder& holder, uint64_t signature,
                            int64_t lease);
// Nothing: it cannot be read.
std::optional<Holder> DecodeCoordinator(const std::string& value);

// The record of a node.
store::Op EncodeNode(const Holder& node, int64_t lease);
std::optional<Holder> DecodeNode(const std::string& value);
std::string NodeKey(const std::string& name);
// The name in a node's key; empty: it is no such key.
std::string NodeOfKey(const std::string& key);

}  // namespace ithaca::cluster

#endif  // ITHACA_DAEMON_CLUSTER_RECORDS_H_
