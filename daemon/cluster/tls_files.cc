#include "daemon/cluster/tls_files.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace ithaca::cluster {
namespace {

constexpr size_t kMaxFileBytes = size_t{1} << 20;

template <auto Free>
struct Freer {
  template <typename T>
  void operator()(T* thing) const {
    Free(thing);
  }
};
using Bio = std::unique_ptr<BIO, Freer<BIO_free>>;
using Cert = std::unique_ptr<X509, Freer<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using Store = std::unique_ptr<X509_STORE, Freer<X509_STORE_free>>;
using StoreContext =
    std::unique_ptr<X509_STORE_CTX, Freer<X509_STORE_CTX_free>>;
using Names = std::unique_ptr<GENERAL_NAMES, Freer<GENERAL_NAMES_free>>;

// A file, and the flag that named it.
struct Named {
  const char* flag;
  const std::string& path;

  absl::Status Bad(const std::string& what, const std::string& remedy) const {
    ERR_clear_error();
    return absl::FailedPreconditionError(
        absl::StrCat(flag, "=", path, ": ", what, "; ", remedy));
  }
};

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  const int fd_;
};

absl::Status CheckSecrecy(const Named& file, const struct stat& is) {
  if ((is.st_mode & 0037) != 0) {
    return file.Bad(absl::StrFormat("others than its owner can use this key "
                                    "(mode %03o)",
                                    is.st_mode & 0777),
                    absl::StrCat("chmod 600 ", file.path,
                                 " (or 640, for a group of its own)"));
  }
  if (is.st_uid != 0 && is.st_uid != geteuid()) {
    return file.Bad(
        absl::StrCat("belongs to user ", is.st_uid, ", who could replace it"),
        absl::StrCat("chown it to root, or to the daemon's user ", geteuid()));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> Read(const Named& file, bool secret) {
  const Descriptor fd(
      open(file.path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat is {};
  if (fd.get() < 0 || fstat(fd.get(), &is) != 0) {
    const int error = errno;
    return file.Bad(absl::StrCat("cannot be read: ", std::strerror(error)),
                    error == ENOENT ? "make it, or correct the path"
                                    : absl::StrCat("let the daemon's user ",
                                                   geteuid(), " read it"));
  }
  if (!S_ISREG(is.st_mode)) return file.Bad("is no file", "correct the path");
  if (secret) {
    absl::Status status = CheckSecrecy(file, is);
    if (!status.ok()) return status;
  }
  std::string bytes(kMaxFileBytes + 1, '\0');
  size_t size = 0;
  for (;;) {
    const ssize_t n = read(fd.get(), &bytes[size], bytes.size() - size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return file.Bad(std::strerror(errno), "see whether it is whole");
    if (n == 0) break;
    size += static_cast<size_t>(n);
    if (size > kMaxFileBytes)
      return file.Bad("is above 1 MiB", "give PEM files only");
  }
  bytes.resize(size);
  return bytes;
}

Bio Open(std::string_view pem) {
  return Bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
}

std::vector<Cert> ReadCerts(std::string_view pem) {
  std::vector<Cert> certs;
  const Bio bio = Open(pem);
  while (X509* cert = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr))
    certs.emplace_back(cert);
  ERR_clear_error();
  return certs;
}

// Never asks at the terminal.
int NoPassphrase(char*, int, int, void*) { return 0; }

std::string ShowTime(const ASN1_TIME* time) {
  const Bio bio(BIO_new(BIO_s_mem()));
  ASN1_TIME_print(bio.get(), time);
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return std::string(text, static_cast<size_t>(size));
}

PeerIdentity NamesOf(X509* cert) {
  PeerIdentity names;
  const Names list(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(cert, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; i < sk_GENERAL_NAME_num(list.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(list.get(), i);
    if (name->type != GEN_DNS && name->type != GEN_URI) continue;
    const ASN1_IA5STRING* value = name->d.ia5;
    (name->type == GEN_DNS ? names.dns : names.uris)
        .emplace_back(
            reinterpret_cast<const char*>(ASN1_STRING_get0_data(value)),
            static_cast<size_t>(ASN1_STRING_length(value)));
  }
  return names;
}

absl::Status CheckTime(const Named& file, const X509* cert, int64_t now_unix,
                       TlsFiles* files) {
  time_t now = now_unix;
  const ASN1_TIME* from = X509_get0_notBefore(cert);
  const ASN1_TIME* to = X509_get0_notAfter(cert);
  if (X509_cmp_time(to, &now) <= 0) {
    return file.Bad(absl::StrCat("expired at ", ShowTime(to)),
                    "renew it; the daemon takes the new one by itself");
  }
  if (X509_cmp_time(from, &now) > 0) {
    return file.Bad(absl::StrCat("is not valid before ", ShowTime(from)),
                    "set this machine's clock, or wait");
  }
  tm broken{};
  if (ASN1_TIME_to_tm(to, &broken) == 1)
    files->not_after_unix = timegm(&broken);
  return absl::OkStatus();
}

absl::Status CheckKey(const Named& cert_file, const Named& key_file, X509* cert,
                      const std::string& pem) {
  const Bio bio = Open(pem);
  const Key key(
      PEM_read_bio_PrivateKey(bio.get(), nullptr, NoPassphrase, nullptr));
  if (key == nullptr) {
    return key_file.Bad("is no private key in PEM without a passphrase",
                        "take the passphrase off: openssl pkey -in KEY -out "
                        "NEWKEY");
  }
  if (X509_check_private_key(cert, key.get()) != 1) {
    return key_file.Bad(absl::StrCat("is not the key of ", cert_file.path),
                        "give a certificate and a key that were made together");
  }
  return absl::OkStatus();
}

// Whether `chain` leads from its first certificate to one of `authorities`, for
// what `purpose` says. Nothing: it does.
std::string WhyNotSigned(const std::vector<Cert>& chain,
                         const std::vector<Cert>& authorities, int purpose,
                         int64_t now_unix) {
  const Store store(X509_STORE_new());
  for (const Cert& authority : authorities)
    X509_STORE_add_cert(store.get(), authority.get());
  STACK_OF(X509)* between = sk_X509_new_null();
  for (size_t i = 1; i < chain.size(); ++i)
    sk_X509_push(between, chain[i].get());
  const StoreContext context(X509_STORE_CTX_new());
  X509_STORE_CTX_init(context.get(), store.get(), chain[0].get(), between);
  X509_STORE_CTX_set_purpose(context.get(), purpose);
  X509_STORE_CTX_set_time(context.get(), 0, now_unix);
  const bool good = X509_verify_cert(context.get()) == 1;
  const int error = X509_STORE_CTX_get_error(context.get());
  sk_X509_free(between);
  return good ? "" : X509_verify_cert_error_string(error);
}

}  // namespace

PeerIdentity NamesOfPem(std::string_view pem) {
  const std::vector<Cert> certs = ReadCerts(pem);
  return certs.empty() ? PeerIdentity{} : NamesOf(certs[0].get());
}

absl::StatusOr<TlsFiles> ReadTlsFiles(const TlsPaths& paths,
                                      const PeerNames& allowed,
                                      int64_t now_unix) {
  const Named cert_file{"--tls_cert", paths.cert};
  const Named key_file{"--tls_key", paths.key};
  const Named ca_file{"--tls_ca", paths.ca};
  TlsFiles files;
  for (const auto& [file, secret, bytes] :
       {std::tuple{&cert_file, false, &files.cert},
        std::tuple{&key_file, true, &files.key},
        std::tuple{&ca_file, false, &files.ca}}) {
    auto read = Read(*file, secret);
    if (!read.ok()) return read.status();
    *bytes = *std::move(read);
  }
  const std::vector<Cert> chain = ReadCerts(files.cert);
  if (chain.empty())
    return cert_file.Bad("holds no certificate in PEM", "correct the path");
  const std::vector<Cert> authorities = ReadCerts(files.ca);
  if (authorities.empty())
    return ca_file.Bad("holds no certificate in PEM", "correct the path");
  X509* leaf = chain[0].get();
  absl::Status status = CheckTime(cert_file, leaf, now_unix, &files);
  if (status.ok()) status = CheckKey(cert_file, key_file, leaf, files.key);
  if (!status.ok()) return status;
  for (const auto& [purpose, role] :
       {std::pair{X509_PURPOSE_SSL_SERVER, "servers"},
        std::pair{X509_PURPOSE_SSL_CLIENT, "clients"}}) {
    const std::string why = WhyNotSigned(chain, authorities, purpose, now_unix);
    if (why.empty()) continue;
    return cert_file.Bad(
        absl::StrCat("is not good for ", role, " under --tls_ca=", paths.ca,
                     ": ", why),
        "have it signed by that authority, for serverAuth and clientAuth, and "
        "put what lies between into the same file");
  }
  files.names = NamesOf(leaf);
  if (!allowed.Allows(files.names)) {
    return cert_file.Bad(
        absl::StrCat("names ", files.names.Describe(),
                     ", so no daemon would know it for one of theirs (",
                     allowed.Describe(), ")"),
        "give it the alternative name DNS:ithacad, or name what it has with "
        "--peer_names on every daemon");
  }
  return files;
}

}  // namespace ithaca::cluster
