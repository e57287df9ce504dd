// The HTTP door behind which the metrics lie: GET /metrics, and nothing else.
//
// libmicrohttpd answers, on one thread of its own, at most 16 connections at a
// time, each dropped after 5 s of silence, each with 16 KiB for its request. It
// shares nothing with gRPC but the registry.
//
// Used by the composition root. Threads: Start and the destructor from one;
// `text` is called on the door's thread. Life: from Start to the destructor,
// which waits for an answer under way.
#ifndef ITHACA_DAEMON_METRICS_SCRAPE_DOOR_H_
#define ITHACA_DAEMON_METRICS_SCRAPE_DOOR_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace ithaca::metrics {

// Where to listen.
struct ScrapeAddress {
  // A Unix socket; empty: TCP.
  std::string unix_path;
  // A numeric IPv4 or IPv6 address, and 0 for any free port.
  std::string host;
  uint16_t port = 0;
  bool loopback = false;
};

// "127.0.0.1:9465", "[::1]:9465", "localhost:9465" or "unix:/path".
// INVALID_ARGUMENT, with the forms that there are, for anything else.
absl::StatusOr<ScrapeAddress> ParseScrapeAddress(const std::string& text);

class ScrapeDoor {
 public:
  // UNAVAILABLE, with the address and the remedy, when it cannot listen there.
  static absl::StatusOr<std::unique_ptr<ScrapeDoor>> Start(
      const ScrapeAddress& address, std::function<std::string()> text);
  virtual ~ScrapeDoor() = default;

  // The address with the port that it really has, e.g. for logs.
  virtual std::string address() const = 0;
};

}  // namespace ithaca::metrics

#endif  // ITHACA_DAEMON_METRICS_SCRAPE_DOOR_H_
