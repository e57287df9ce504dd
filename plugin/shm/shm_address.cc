#include "plugin/shm/shm_address.h"

#include <cstddef>
#include <cstring>

namespace ithaca {
namespace {

constexpr char kMagic[4] = {'I', 'T', 'H', 'S'};

struct WireAddress {
  char magic[4];
  uint16_t version;
  uint16_t zero0;
  int32_t pid;
  int32_t inbox_fd;
  ShmId inbox;
  int32_t segment_fd;
  uint32_t zero1;
  ShmId segment;
};
static_assert(sizeof(WireAddress) == kShmAddressBytes);
static_assert(offsetof(WireAddress, segment) == 40);

}  // namespace

std::string EncodeShmAddress(const ShmAddress& address) {
  WireAddress wire = {};
  memcpy(wire.magic, kMagic, sizeof(kMagic));
  wire.version = kShmVersion;
  wire.pid = address.pid;
  wire.inbox_fd = address.inbox_fd;
  wire.inbox = address.inbox;
  wire.segment_fd = address.segment_fd;
  wire.segment = address.segment;
  return std::string(reinterpret_cast<const char*>(&wire), sizeof(wire));
}

Status DecodeShmAddress(std::string_view bytes, ShmAddress* address) {
  WireAddress wire;
  if (bytes.size() != sizeof(wire))
    return Errorf(Code::kDataLoss, "an address of %zu bytes", bytes.size());
  memcpy(&wire, bytes.data(), sizeof(wire));
  if (memcmp(wire.magic, kMagic, sizeof(kMagic)) != 0)
    return Status(Code::kDataLoss, "not an address of shared memory");
  if (wire.version != kShmVersion)
    return Errorf(Code::kFailedPrecondition,
                  "the peer's shared memory is of version %u, this side's %u",
                  wire.version, kShmVersion);
  address->pid = wire.pid;
  address->inbox_fd = wire.inbox_fd;
  address->inbox = wire.inbox;
  address->segment_fd = wire.segment_fd;
  address->segment = wire.segment;
  return Status();
}

}  // namespace ithaca
