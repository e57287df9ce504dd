// Who this daemon is to the others, and whom it believes to be one: mutual TLS
// from three files that are watched.
//
// Files are looked at every second. What has changed is checked as a whole, and
// only then used: a half-written or wrong set is logged once, and the last good
// one stays in use. New connections use the new certificate; those that are
// open stay as they are.
//
// gRPC's own watcher would take a key that does not fit its certificate, and
// then refuse every connection until somebody mends it. So it is given copies,
// in memory (memfd), of what was found good.
//
// Used by the composition root. Threads: one of its own; the rest from any.
// Life: outlives the servers and channels that use its credentials.
#ifndef ITHACA_DAEMON_CLUSTER_TLS_IDENTITY_H_
#define ITHACA_DAEMON_CLUSTER_TLS_IDENTITY_H_

#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/security/tls_certificate_provider.h>

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "daemon/cluster/peer_names.h"
#include "daemon/cluster/tls_files.h"

namespace ithaca::cluster {

class TlsIdentity {
 public:
  struct Options {
    TlsPaths paths;
    PeerNames names;
    // Told when files were replaced, when they are bad, and, once a day, when
    // the certificate ends within a week.
    std::function<void(bool bad, const std::string&)> log;
  };

  // Errors as ReadTlsFiles.
  static absl::StatusOr<std::unique_ptr<TlsIdentity>> Start(Options options);
  ~TlsIdentity();

  // Demands a certificate of the authority; whose it is, is the gate's to ask.
  std::shared_ptr<grpc::ServerCredentials> ServerCredentials() const;
  // Connects to holders of names that are allowed, and to nobody else.
  std::shared_ptr<grpc::ChannelCredentials> ChannelCredentials() const;

 private:
  // A file in memory.
  class MemoryFile {
   public:
    absl::Status Make();
    ~MemoryFile();
    bool Write(const std::string& bytes);
    std::string path() const;

   private:
    int fd_ = -1;
  };

  explicit TlsIdentity(Options options) : options_(std::move(options)) {}
  absl::Status Open();
  bool Publish(const TlsFiles& files);
  void Loop();
  void Look();
  void WarnOfEnd(int64_t now_unix);

  const Options options_;
  MemoryFile cert_, key_, ca_;
  std::shared_ptr<grpc::experimental::FileWatcherCertificateProvider> provider_;

  // The thread's only, after Open.
  TlsFiles current_;
  std::string last_error_;
  int64_t warned_unix_ = 0;

  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace ithaca::cluster

#endif  // ITHACA_DAEMON_CLUSTER_TLS_IDENTITY_H_
