// Makes and ends all connections of a communicator, on the service thread.
//
// The order of calls is NCCL's: listen for every expected connection, swap the
// handles, then poll connect and accept in turns until all are there, closing
// each listener as soon as it has accepted; register staging on each. Closing
// deregisters first and may come at any moment, requests in flight or not.
// Every function is one task for the ServiceThread; none blocks for a peer.
#ifndef ITHACA_PLUGIN_DRIVER_CONNECTOR_H_
#define ITHACA_PLUGIN_DRIVER_CONNECTOR_H_

#include <atomic>
#include <string>
#include <vector>

#include "plugin/core/status.h"
#include "plugin/driver/core.h"
#include "plugin/driver/deadline.h"

namespace ithaca::driver {

// Maps the staging and makes the connections' records.
Status PrepareConnections(Core* core);

// handles[p]: kHandleBytes for each channel that rank p connects to us by.
Status ListenAll(Core* core, std::vector<std::string>* handles);

// `handles[p]` as rank p made them for us. Ends with kDeadlineExceeded naming
// what is not connected yet, or early when `*cancelled` becomes true.
Status ConnectAll(Core* core, const std::vector<std::string>& handles,
                  const Deadline& deadline, const std::atomic<bool>& cancelled);

// Closes whatever is open; returns the first error, goes on after it.
Status CloseAll(Core* core);

// A user's buffer on every connection: [0] the send ones, [1] the receive ones,
// indexed as Core's. On failure nothing stays registered.
struct BufferMrs {
  char* data = nullptr;
  size_t bytes = 0;
  std::vector<void*> mrs[2];
};
Status RegisterEverywhere(Core* core, BufferMrs* buffer);
Status DeregisterEverywhere(Core* core, BufferMrs* buffer);

}  // namespace ithaca::driver

#endif  // ITHACA_PLUGIN_DRIVER_CONNECTOR_H_
