#include "plugin/transport/handle.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <cstring>

#include "plugin/transport/frame.h"

namespace ithaca {
namespace {

constexpr char kMagic[4] = {'I', 'T', 'H', 'L'};

struct WireAddress {
  uint8_t family;
  uint8_t zero;
  uint16_t port;  // network order
  uint8_t address[16];
};

struct WireHandle {
  char magic[4];
  uint16_t version;
  uint8_t rails;
  uint8_t zero;
  uint64_t attempt;
  uint64_t listener;
  uint64_t nonce;
  uint32_t pid;
  uint32_t checksum;
  uint64_t host;
  WireAddress addresses[kMaxRailsPerDevice];
};
static_assert(sizeof(WireAddress) == 20);
static_assert(sizeof(WireHandle) == kHandleSize);
static_assert(offsetof(WireHandle, attempt) == 8);
static_assert(offsetof(WireHandle, checksum) == 36);
static_assert(offsetof(WireHandle, host) == 40);
static_assert(offsetof(WireHandle, addresses) == 48);

uint32_t Checksum(WireHandle wire) {
  wire.attempt = 0;
  wire.checksum = 0;
  uint8_t bytes[kHandleSize];
  memcpy(bytes, &wire, kHandleSize);
  uint32_t hash = 2166136261u;
  for (uint8_t byte : bytes) hash = (hash ^ byte) * 16777619u;
  return hash;
}

void EncodeAddress(const sockaddr_storage& address, WireAddress* wire) {
  if (address.ss_family == AF_INET) {
    sockaddr_in in;
    memcpy(&in, &address, sizeof(in));
    wire->family = 4;
    wire->port = in.sin_port;
    memcpy(wire->address, &in.sin_addr, 4);
  } else {
    sockaddr_in6 in6;
    memcpy(&in6, &address, sizeof(in6));
    wire->family = 6;
    wire->port = in6.sin6_port;
    memcpy(wire->address, &in6.sin6_addr, 16);
  }
}

bool DecodeAddress(const WireAddress& wire, sockaddr_storage* address) {
  *address = {};
  if (wire.port == 0) return false;
  if (wire.family == 4) {
    sockaddr_in in = {};
    in.sin_family = AF_INET;
    in.sin_port = wire.port;
    memcpy(&in.sin_addr, wire.address, 4);
    memcpy(address, &in, sizeof(in));
    return true;
  }
  if (wire.family == 6) {
    sockaddr_in6 in6 = {};
    in6.sin6_family = AF_INET6;
    in6.sin6_port = wire.port;
    memcpy(&in6.sin6_addr, wire.address, 16);
    memcpy(address, &in6, sizeof(in6));
    return true;
  }
  return false;
}

}  // namespace

void EncodeHandle(const Handle& handle, void* bytes) {
  WireHandle wire = {};
  memcpy(wire.magic, kMagic, sizeof(kMagic));
  wire.version = kWireVersion;
  wire.rails = handle.rails.size();
  wire.attempt = handle.attempt;
  wire.listener = handle.listener;
  wire.nonce = handle.nonce;
  wire.pid = handle.pid;
  wire.host = handle.host;
  for (size_t i = 0; i < handle.rails.size(); ++i)
    EncodeAddress(handle.rails[i], &wire.addresses[i]);
  wire.checksum = Checksum(wire);
  memcpy(bytes, &wire, kHandleSize);
}

Status DecodeHandle(const void* bytes, Handle* handle) {
  WireHandle wire;
  memcpy(&wire, bytes, kHandleSize);
  if (memcmp(wire.magic, kMagic, sizeof(kMagic)) != 0)
    return Status(Code::kInvalidArgument,
                  "the handle was not made by ithaca; do all ranks load the "
                  "same plugin (NCCL_NET=ithaca makes sure)?");
  if (wire.version != kWireVersion)
    return Errorf(Code::kInvalidArgument,
                  "the peer speaks wire version %u, this side %u; install the "
                  "same release of ithaca on all nodes",
                  wire.version, kWireVersion);
  if (wire.checksum != Checksum(wire) || wire.rails < 1 ||
      wire.rails > kMaxRailsPerDevice)
    return Status(Code::kInvalidArgument, "the handle is damaged");
  handle->attempt = wire.attempt;
  handle->listener = wire.listener;
  handle->nonce = wire.nonce;
  handle->pid = wire.pid;
  handle->host = wire.host;
  handle->rails.resize(wire.rails);
  for (int i = 0; i < wire.rails; ++i)
    if (!DecodeAddress(wire.addresses[i], &handle->rails[i]))
      return Errorf(Code::kInvalidArgument, "the handle's rail %d is damaged",
                    i);
  return Status();
}

void SetHandleAttempt(void* bytes, uint64_t attempt) {
  memcpy(static_cast<char*>(bytes) + offsetof(WireHandle, attempt), &attempt,
         sizeof(attempt));
}

std::string AddressToString(const sockaddr_storage& address) {
  char text[INET6_ADDRSTRLEN] = "?";
  if (address.ss_family == AF_INET) {
    const auto* in = reinterpret_cast<const sockaddr_in*>(&address);
    inet_ntop(AF_INET, &in->sin_addr, text, sizeof(text));
    return std::string(text) + ":" + std::to_string(ntohs(in->sin_port));
  }
  if (address.ss_family == AF_INET6) {
    const auto* in6 = reinterpret_cast<const sockaddr_in6*>(&address);
    inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof(text));
    return "[" + std::string(text) +
           "]:" + std::to_string(ntohs(in6->sin6_port));
  }
  return "(no address)";
}

uint16_t AddressPort(const sockaddr_storage& address) {
  return ntohs(address.ss_family == AF_INET6
                   ? reinterpret_cast<const sockaddr_in6&>(address).sin6_port
                   : reinterpret_cast<const sockaddr_in&>(address).sin_port);
}

socklen_t AddressLength(const sockaddr_storage& address) {
  return address.ss_family == AF_INET ? sizeof(sockaddr_in)
                                      : sizeof(sockaddr_in6);
}

}  // namespace ithaca
