// A topology as text for people.
//
// Used by the command line. Pure; safe from any thread.
#ifndef ITHACA_DAEMON_TOPOLOGY_TOPOLOGY_TABLE_H_
#define ITHACA_DAEMON_TOPOLOGY_TOPOLOGY_TABLE_H_

#include <string>

#include "ithaca/topology/v1/topology.pb.h"

namespace ithaca::topology {

// Lines of at most 100 characters where names are short: the levels; runs of
// nodes that are equal but for names and pods, each once with its processors,
// accelerators and rails, equal devices in one line; where the facts come from.
// What is not known says so.
std::string TopologyTable(const v1::Topology& topology);

}  // namespace ithaca::topology

#endif  // ITHACA_DAEMON_TOPOLOGY_TOPOLOGY_TABLE_H_
