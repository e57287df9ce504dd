#include "daemon/metrics/scrape_door.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace ithaca::metrics {
namespace {

constexpr unsigned kMaxConnections = 16;
constexpr unsigned kPatienceSeconds = 5;
constexpr size_t kRequestBytes = 16 << 10;
constexpr int kBacklog = 16;

// A socket address of any of the three families.
struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
  const sockaddr* get() const {
    return reinterpret_cast<const sockaddr*>(&storage);
  }
};

Address UnixAddress(const std::string& path) {
  Address address;
  auto* un = reinterpret_cast<sockaddr_un*>(&address.storage);
  un->sun_family = AF_UNIX;
  std::strncpy(un->sun_path, path.c_str(), sizeof un->sun_path - 1);
  address.size = sizeof *un;
  return address;
}

// Nothing in `size`: the host is no numeric address.
Address TcpAddress(const std::string& host, uint16_t port) {
  Address address;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&address.storage);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&address.storage);
  if (inet_pton(AF_INET, host.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    address.size = sizeof *v4;
  } else if (inet_pton(AF_INET6, host.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    address.size = sizeof *v6;
  }
  return address;
}

bool IsLoopback(const std::string& host) {
  return host == "::1" || host.rfind("127.", 0) == 0;
}

absl::Status BadAddress(const std::string& text, const std::string& why) {
  return absl::InvalidArgumentError(
      absl::StrCat("--metrics=", text, ": ", why,
                   "; use 127.0.0.1:PORT, [::1]:PORT or unix:/PATH"));
}

absl::StatusOr<int> Listen(const ScrapeAddress& wanted) {
  const bool is_unix = !wanted.unix_path.empty();
  const Address address = is_unix ? UnixAddress(wanted.unix_path)
                                  : TcpAddress(wanted.host, wanted.port);
  const std::string name =
      is_unix ? wanted.unix_path : absl::StrCat(wanted.host, ":", wanted.port);
  const int fd = socket(address.storage.ss_family,
                        SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const int on = 1;
  if (fd >= 0 && !is_unix)
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  // Ours, of a former run: a stale socket cannot be bound. The daemon's own
  // lock says that no other daemon has this run directory.
  struct stat old {};
  if (is_unix && lstat(wanted.unix_path.c_str(), &old) == 0 &&
      S_ISSOCK(old.st_mode)) {
    unlink(wanted.unix_path.c_str());
  }
  const mode_t mask = umask(0117);
  const bool bound = fd >= 0 && bind(fd, address.get(), address.size) == 0;
  const int error = errno;
  umask(mask);
  if (bound && listen(fd, kBacklog) == 0) return fd;
  const std::string cause = std::strerror(bound ? errno : error);
  if (fd >= 0) close(fd);
  return absl::UnavailableError(
      absl::StrCat("--metrics: cannot listen at ", name, ": ", cause,
                   "; give another address, or leave --metrics out"));
}

class Door : public ScrapeDoor {
 public:
  Door(ScrapeAddress address, std::function<std::string()> text)
      : address_(std::move(address)), text_(std::move(text)) {}
  ~Door() override {
    if (daemon_ != nullptr) MHD_stop_daemon(daemon_);
    if (!address_.unix_path.empty()) unlink(address_.unix_path.c_str());
  }

  absl::Status Open();
  std::string address() const override {
    if (!address_.unix_path.empty()) return "unix:" + address_.unix_path;
    const bool v6 = address_.host.find(':') != std::string::npos;
    return absl::StrCat(v6 ? "[" : "", address_.host, v6 ? "]:" : ":",
                        address_.port);
  }

 private:
  static MHD_Result Handle(void* self, MHD_Connection* connection,
                           const char* url, const char* method,
                           const char* version, const char* upload,
                           size_t* upload_size, void** state);
  MHD_Result Answer(MHD_Connection* connection, std::string_view url,
                    std::string_view method) const;

  ScrapeAddress address_;
  const std::function<std::string()> text_;
  MHD_Daemon* daemon_ = nullptr;
};

absl::Status Door::Open() {
  const absl::StatusOr<int> fd = Listen(address_);
  if (!fd.ok()) return fd.status();
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  getsockname(*fd, reinterpret_cast<sockaddr*>(&bound), &size);
  if (bound.ss_family == AF_INET)
    address_.port = ntohs(reinterpret_cast<sockaddr_in*>(&bound)->sin_port);
  if (bound.ss_family == AF_INET6)
    address_.port = ntohs(reinterpret_cast<sockaddr_in6*>(&bound)->sin6_port);
  daemon_ = MHD_start_daemon(
      MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL, 0, nullptr, nullptr,
      &Door::Handle, this, MHD_OPTION_LISTEN_SOCKET, *fd,
      MHD_OPTION_CONNECTION_LIMIT, kMaxConnections,
      MHD_OPTION_CONNECTION_TIMEOUT, kPatienceSeconds,
      MHD_OPTION_CONNECTION_MEMORY_LIMIT, kRequestBytes, MHD_OPTION_END);
  if (daemon_ != nullptr) return absl::OkStatus();
  close(*fd);
  return absl::ResourceExhaustedError(
      "--metrics: the HTTP server did not start; is there memory, and are "
      "there threads left?");
}

MHD_Result Door::Handle(void* self, MHD_Connection* connection, const char* url,
                        const char* method, const char*, const char*,
                        size_t* upload_size, void** state) {
  // First called when the headers are there; a body, if any, is let go by.
  static int seen;
  if (*state == nullptr) {
    *state = &seen;
    return MHD_YES;
  }
  if (*upload_size != 0) {
    *upload_size = 0;
    return MHD_YES;
  }
  return static_cast<const Door*>(self)->Answer(connection, url, method);
}

MHD_Result Door::Answer(MHD_Connection* connection, std::string_view url,
                        std::string_view method) const {
  unsigned status = MHD_HTTP_OK;
  std::string body;
  if (method != "GET" && method != "HEAD") {
    status = MHD_HTTP_METHOD_NOT_ALLOWED;
    body = "GET only\n";
  } else if (url != "/metrics") {
    status = MHD_HTTP_NOT_FOUND;
    body = "the metrics are at /metrics\n";
  } else {
    body = text_();
  }
  MHD_Response* response = MHD_create_response_from_buffer(
      body.size(), body.data(), MHD_RESPMEM_MUST_COPY);
  if (response == nullptr) return MHD_NO;
  MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE,
                          "text/plain; version=0.0.4; charset=utf-8");
  const MHD_Result queued = MHD_queue_response(connection, status, response);
  MHD_destroy_response(response);
  return queued;
}

}  // namespace

absl::StatusOr<ScrapeAddress> ParseScrapeAddress(const std::string& text) {
  ScrapeAddress address;
  absl::string_view rest = text;
  if (absl::ConsumePrefix(&rest, "unix:")) {
    address.unix_path = std::string(rest);
    if (rest.empty() || rest[0] != '/')
      return BadAddress(text, "the path is not absolute");
    if (rest.size() >= sizeof(sockaddr_un::sun_path))
      return BadAddress(text, "the path is too long for a socket");
    return address;
  }
  const size_t colon = rest.rfind(':');
  uint32_t port = 0;
  if (colon == absl::string_view::npos ||
      !absl::SimpleAtoi(rest.substr(colon + 1), &port) || port > 65535) {
    return BadAddress(text, "has no port from 0 to 65535");
  }
  address.port = static_cast<uint16_t>(port);
  absl::string_view host = rest.substr(0, colon);
  if (absl::ConsumePrefix(&host, "[") != absl::ConsumeSuffix(&host, "]"))
    return BadAddress(text, "has a bracket without the other one");
  address.host = host == "localhost" ? "127.0.0.1" : std::string(host);
  if (TcpAddress(address.host, 0).size == 0)
    return BadAddress(text, "the host is not a numeric address");
  address.loopback = IsLoopback(address.host);
  return address;
}

absl::StatusOr<std::unique_ptr<ScrapeDoor>> ScrapeDoor::Start(
    const ScrapeAddress& address, std::function<std::string()> text) {
  auto door = std::make_unique<Door>(address, std::move(text));
  if (absl::Status status = door->Open(); !status.ok()) return status;
  return std::unique_ptr<ScrapeDoor>(std::move(door));
}

}  // namespace ithaca::metrics
