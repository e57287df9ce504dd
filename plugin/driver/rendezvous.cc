#include "plugin/driver/rendezvous.h"

#include <errno.h>
#include <sys/random.h>

#include <cstdio>
#include <cstdlib>

namespace ithaca::driver {

StatusOr<RendezvousId> RendezvousId::Parse(const std::string& text) {
  RendezvousId id;
  const size_t hash = text.find('#');
  auto address = ParseHostPort(text.substr(0, hash));
  if (!address.ok()) return address.status();
  id.address = *address;
  if (hash != std::string::npos) {
    const std::string token = text.substr(hash + 1);
    if (token.empty() || token.size() > 16 ||
        token.find_first_not_of("0123456789abcdef") != token.npos) {
      return Errorf(Code::kInvalidArgument,
                    "\"%s\": after # comes a token of 1 to 16 hexadecimal "
                    "digits",
                    text.c_str());
    }
    id.token = strtoull(token.c_str(), nullptr, 16);
  }
  return id;
}

std::string RendezvousId::ToString() const {
  std::string text = driver::ToString(address);
  if (token != 0) {
    char hex[20];
    snprintf(hex, sizeof(hex), "#%llx", static_cast<unsigned long long>(token));
    text += hex;
  }
  return text;
}

StatusOr<BootstrapListener> BootstrapListener::Open(const HostPort& address) {
  RendezvousId id;
  id.address = address;
  while (id.token == 0) {
    if (getrandom(&id.token, sizeof(id.token), 0) < 0 && errno != EINTR) {
      return ErrnoError(Code::kInternal, errno, "no random numbers");
    }
  }
  return OpenAt(id);
}

StatusOr<BootstrapListener> BootstrapListener::OpenAt(const RendezvousId& id) {
  RendezvousId bound = id;
  auto fd = TcpListen(id.address, &bound.address);
  if (!fd.ok()) return fd.status();
  return BootstrapListener(std::move(*fd), bound);
}

BootstrapListener BootstrapListener::Adopt(int fd, const RendezvousId& id) {
  PrepareSocket(fd);
  return BootstrapListener(Fd(fd), id);
}

}  // namespace ithaca::driver
