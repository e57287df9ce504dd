// Which names of a certificate make its holder a daemon of the cluster.
//
// A pattern is a DNS name, in which "*" stands for a part of one label
// ("ithacad", "*.daemons.example"), or a SPIFFE id, in which "*" stands for
// anything ("spiffe://example/ithacad", "spiffe://*/ithacad"). The names are
// the subject alternative names of a certificate that the cluster's authority
// signed; the subject itself says nothing.
//
// Used by the TLS verifier of calls that go out, and by AccessGate for those
// that come in. Threads: immutable.
#ifndef ITHACA_DAEMON_CLUSTER_PEER_NAMES_H_
#define ITHACA_DAEMON_CLUSTER_PEER_NAMES_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace ithaca::cluster {

// The subject alternative names of a peer's certificate.
struct PeerIdentity {
  std::vector<std::string> dns;
  std::vector<std::string> uris;

  // For people, escaped and cut: "DNS node7, URI spiffe://x/y", or "no name".
  std::string Describe() const;
};

class PeerNames {
 public:
  // "ithacad" as DNS name, or a SPIFFE id that ends in "/ithacad".
  PeerNames();
  // INVALID_ARGUMENT for an empty list or a pattern that is neither.
  static absl::StatusOr<PeerNames> Parse(
      const std::vector<std::string>& patterns);

  // Two URIs in one certificate are no identity: then only its DNS names count.
  bool Allows(const PeerIdentity& peer) const;

  std::string Describe() const;

 private:
  std::vector<std::string> dns_;
  std::vector<std::string> uris_;
};

}  // namespace ithaca::cluster

#endif  // ITHACA_DAEMON_CLUSTER_PEER_NAMES_H_
