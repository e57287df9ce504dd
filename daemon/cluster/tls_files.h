// The three files of mutual TLS: read, and checked as a whole before anything
// uses them.
//
// Used by TlsIdentity. Threads: pure functions but for reading files.
#ifndef ITHACA_DAEMON_CLUSTER_TLS_FILES_H_
#define ITHACA_DAEMON_CLUSTER_TLS_FILES_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "daemon/cluster/peer_names.h"

namespace ithaca::cluster {

// All PEM.
struct TlsPaths {
  // The daemon's certificate, and what lies between it and the authority.
  std::string cert;
  // Its private key, without a passphrase.
  std::string key;
  // The authorities that may sign daemons' certificates.
  std::string ca;
};

struct TlsFiles {
  // The bytes of the files.
  std::string cert;
  std::string key;
  std::string ca;
  // What the certificate says.
  PeerIdentity names;
  int64_t not_after_unix = 0;

  bool SameBytes(const TlsFiles& other) const {
    return cert == other.cert && key == other.key && ca == other.ca;
  }
};

// Reads and checks: each is there, readable and what it should be; the key is
// nobody else's to read, and the certificate's; the authority signed it; it is
// valid at `now_unix`, for servers and clients; and `allowed` lets it in, as
// the other daemons will have to. Errors (FAILED_PRECONDITION) name the flag
// and the file, and say what to do.
absl::StatusOr<TlsFiles> ReadTlsFiles(const TlsPaths& paths,
                                      const PeerNames& allowed,
                                      int64_t now_unix);

// The alternative names of the first certificate in `pem`; none: it cannot be
// read.
PeerIdentity NamesOfPem(std::string_view pem);

}  // namespace ithaca::cluster

#endif  // ITHACA_DAEMON_CLUSTER_TLS_FILES_H_
