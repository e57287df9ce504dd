#include "daemon/cluster/tls_identity.h"

#include <grpcpp/security/tls_certificate_verifier.h>
#include <grpcpp/security/tls_credentials_options.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <ctime>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/cluster/handover.h"

namespace ithaca::cluster {
namespace {

constexpr auto kLookEvery = std::chrono::seconds(1);
// gRPC's watcher has no finer unit.
constexpr unsigned kRefreshSeconds = 1;
constexpr int64_t kDay = 24 * 3600;

// Whether the server that was reached is a daemon.
class NamesVerifier : public grpc::experimental::ExternalCertificateVerifier {
 public:
  explicit NamesVerifier(PeerNames names) : names_(std::move(names)) {
    HandOver(this);
  }
  ~NamesVerifier() override { TakeBack(this); }
  bool Verify(grpc::experimental::TlsCustomVerificationCheckRequest* request,
              std::function<void(grpc::Status)>,
              grpc::Status* sync_status) override {
    const Reaction reaction(this);
    const grpc::string_ref pem = request->peer_cert();
    // gRPC's own lists of names end names at a zero byte; the certificate does
    // not.
    const PeerIdentity peer =
        NamesOfPem(std::string_view(pem.data(), pem.size()));
    if (!names_.Allows(peer)) {
      *sync_status = grpc::Status(
          grpc::StatusCode::UNAUTHENTICATED,
          absl::StrCat("its certificate names ", peer.Describe(),
                       ", which is no daemon (", names_.Describe(), ")"));
    }
    return true;
  }
  void Cancel(grpc::experimental::TlsCustomVerificationCheckRequest*) override {
  }

 private:
  const PeerNames names_;
};

}  // namespace

absl::Status TlsIdentity::MemoryFile::Make() {
  fd_ = memfd_create("ithacad-tls", MFD_CLOEXEC);
  if (fd_ >= 0 && access(path().c_str(), R_OK) == 0) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "--tls_cert: cannot keep a copy in memory: ", std::strerror(errno),
      "; TLS needs memfd and /proc"));
}

TlsIdentity::MemoryFile::~MemoryFile() {
  if (fd_ >= 0) close(fd_);
}

bool TlsIdentity::MemoryFile::Write(const std::string& bytes) {
  return pwrite(fd_, bytes.data(), bytes.size(), 0) ==
             static_cast<ssize_t>(bytes.size()) &&
         ftruncate(fd_, static_cast<off_t>(bytes.size())) == 0;
}

std::string TlsIdentity::MemoryFile::path() const {
  return absl::StrCat("/proc/self/fd/", fd_);
}

absl::StatusOr<std::unique_ptr<TlsIdentity>> TlsIdentity::Start(
    Options options) {
  std::unique_ptr<TlsIdentity> identity(new TlsIdentity(std::move(options)));
  if (absl::Status status = identity->Open(); !status.ok()) return status;
  identity->thread_ = std::thread([raw = identity.get()] { raw->Loop(); });
  return identity;
}

absl::Status TlsIdentity::Open() {
  auto files = ReadTlsFiles(options_.paths, options_.names, std::time(nullptr));
  if (!files.ok()) return files.status();
  for (MemoryFile* file : {&cert_, &key_, &ca_}) {
    if (absl::Status status = file->Make(); !status.ok()) return status;
  }
  if (!Publish(*files)) {
    return absl::ResourceExhaustedError(
        "--tls_cert: no memory for a copy; free some");
  }
  current_ = *std::move(files);
  provider_ =
      std::make_shared<grpc::experimental::FileWatcherCertificateProvider>(
          key_.path(), cert_.path(), ca_.path(), kRefreshSeconds);
  return absl::OkStatus();
}

TlsIdentity::~TlsIdentity() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

bool TlsIdentity::Publish(const TlsFiles& files) {
  return ca_.Write(files.ca) && key_.Write(files.key) &&
         cert_.Write(files.cert);
}

void TlsIdentity::Loop() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (!wake_.wait_for(lock, kLookEvery, [this] { return stopping_; })) {
    lock.unlock();
    Look();
    lock.lock();
  }
}

void TlsIdentity::Look() {
  const int64_t now = std::time(nullptr);
  auto files = ReadTlsFiles(options_.paths, options_.names, now);
  if (!files.ok()) {
    const std::string error(files.status().message());
    if (error == std::exchange(last_error_, error)) return;
    options_.log(true, absl::StrCat(error,
                                    ". The files read before that stay "
                                    "in use"));
    return;
  }
  last_error_.clear();
  WarnOfEnd(now);
  if (files->SameBytes(current_)) return;
  if (!Publish(*files)) return;
  current_ = *std::move(files);
  options_.log(false, absl::StrCat("new connections use the certificate in ",
                                   options_.paths.cert, " (",
                                   current_.names.Describe(), ")"));
}

void TlsIdentity::WarnOfEnd(int64_t now_unix) {
  const int64_t left = current_.not_after_unix - now_unix;
  if (left > 7 * kDay || now_unix - warned_unix_ < kDay) return;
  warned_unix_ = now_unix;
  options_.log(true,
               absl::StrCat("--tls_cert=", options_.paths.cert, ": ends in ",
                            left / 3600, " hours; renew it"));
}

std::shared_ptr<grpc::ServerCredentials> TlsIdentity::ServerCredentials()
    const {
  grpc::experimental::TlsServerCredentialsOptions options(provider_);
  options.watch_root_certs();
  options.watch_identity_key_cert_pairs();
  options.set_cert_request_type(
      GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  return grpc::experimental::TlsServerCredentials(options);
}

std::shared_ptr<grpc::ChannelCredentials> TlsIdentity::ChannelCredentials()
    const {
  grpc::experimental::TlsChannelCredentialsOptions options;
  options.set_certificate_provider(provider_);
  options.watch_root_certs();
  options.watch_identity_key_cert_pairs();
  options.set_verify_server_certs(true);
  options.set_certificate_verifier(
      grpc::experimental::ExternalCertificateVerifier::Create<NamesVerifier>(
          options_.names));
  // Names are the verifier's to judge.
  options.set_check_call_host(false);
  return grpc::experimental::TlsCredentials(options);
}

}  // namespace ithaca::cluster
