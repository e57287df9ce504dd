// Where the ranks of one job meet before the plugin connects them: rank 0
// listens, the others join, then all gather bytes, swap bytes, and wait for
// each other. A star over TCP: small messages, never the data path.
//
//   // rank 0                                     // rank r > 0
//   auto listener = BootstrapListener::Open(      std::string id = ...;
//       {"127.0.0.1", 0});
//   Publish(listener->id());                      // "127.0.0.1:40123#5f3c..."
//   auto b = Bootstrap::Serve(std::move(*listener), options);
//                                                 auto b = Bootstrap::Join(id,
//                                                                  options);
//   auto all = b->AllGather(my_bytes);            // the same on every rank
//
// The id is an opaque string of printable characters: publish it through a
// file, an environment variable, or the daemon's group blob. "HOST:PORT" alone
// works too, when every rank is given the same address (the token is then 0).
//
// Every wait ends: with an answer, with the failure of a rank by name, or at
// the deadline naming the ranks that are missing. Who detects a failure tells
// rank 0, which tells everybody. Strays at the port (scanners, other jobs, slow
// writers) are turned away and counted; they cost no waiting.
//
// Threads: one at a time per object. Life cycle: Serve or Join, collectives in
// the same order on every rank, destruction in any order after the last one.
#ifndef ITHACA_PLUGIN_DRIVER_BOOTSTRAP_H_
#define ITHACA_PLUGIN_DRIVER_BOOTSTRAP_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "plugin/core/clock.h"
#include "plugin/core/status.h"
#include "plugin/driver/bootstrap_wire.h"
#include "plugin/driver/rendezvous.h"
#include "plugin/driver/tcp.h"

namespace ithaca::driver {

struct BootstrapOptions {
  int rank = 0;
  int ranks = 1;
  // For each wait: until all have joined, for each collective.
  int64_t timeout_ms = 30'000;
  const Clock* clock = &MonotonicClock();
};

class Bootstrap {
 public:
  // Rank 0: returns when every other rank has joined.
  // REQUIRES: options.rank == 0.
  static StatusOr<std::unique_ptr<Bootstrap>> Serve(
      BootstrapListener listener, const BootstrapOptions& options);
  // The others. Rank 0 may call it too, and then listens where `id` says.
  static StatusOr<std::unique_ptr<Bootstrap>> Join(
      const std::string& id, const BootstrapOptions& options);

  int rank() const { return options_.rank; }
  int ranks() const { return options_.ranks; }
  // Connections that were turned away before the last rank joined (rank 0).
  int strays() const { return strays_; }

  // Every rank's `mine`, by rank. All together at most 64 MiB.
  StatusOr<std::vector<std::string>> AllGather(const std::string& mine);
  // `mine[r]` goes to rank r; the result's [s] came from rank s.
  // REQUIRES: mine.size() == ranks().
  StatusOr<std::vector<std::string>> AllToAll(
      const std::vector<std::string>& mine);
  // Returns when every rank has called it.
  Status Barrier();

  // Looks, without waiting, whether a rank has died or reported an error, for
  // use while a long transfer runs. After an error every call returns it.
  Status CheckPeers();
  // Tells every other rank why this one gives up.
  void Abort(const std::string& reason);

 private:
  struct Inbox;

  explicit Bootstrap(const BootstrapOptions& options) : options_(options) {}

  StatusOr<std::string> Exchange(FrameKind kind, const std::string& mine);
  StatusOr<std::string> ExchangeAsRoot(FrameKind kind, const std::string& mine,
                                       const Deadline& deadline);
  StatusOr<std::string> ExchangeAsMember(FrameKind kind,
                                         const std::string& mine,
                                         const Deadline& deadline);
  Status CollectFrames(FrameKind kind, const Deadline& deadline,
                       std::vector<std::string>* payloads);
  Status ReadSome(int rank, FrameKind kind, Inbox* inbox);
  StatusOr<std::vector<std::string>> Answers(
      FrameKind kind, const std::vector<std::string>& payloads) const;
  Status CheckPeer(int rank);
  // Remembers the first failure and tells the other ranks.
  Status Fail(const Status& status);
  void SendError(int rank, const std::string& reason);

  const BootstrapOptions options_;
  // Rank 0: by rank, [0] unused. Others: [0] alone.
  std::vector<Fd> peers_;
  uint64_t sequence_ = 0;
  int strays_ = 0;
  Status broken_;
};

// "rank 3", "ranks 1, 4 and 5".
std::string FormatRanks(const std::vector<int>& ranks);

}  // namespace ithaca::driver

#endif  // ITHACA_PLUGIN_DRIVER_BOOTSTRAP_H_
