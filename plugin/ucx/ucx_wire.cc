#include "plugin/ucx/ucx_wire.h"

#include <cstring>

#include "plugin/transport/lane.h"

namespace ithaca {
namespace {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
              "the wire is little-endian; add byte swaps for this machine");

struct WireHead {
  uint64_t lane;
  uint32_t number;
  uint32_t offset;
  uint8_t frame[kFrameBytes];
};
static_assert(sizeof(WireHead) == kChunkHeadBytes);
static_assert(offsetof(WireHead, number) == 8);
static_assert(offsetof(WireHead, offset) == 12);
static_assert(offsetof(WireHead, frame) == 16);

struct WireAddress {
  uint32_t magic;
  uint32_t checksum;
  uint32_t chunk_bytes;
  uint16_t label_bytes;
  uint16_t ucx_bytes;
};
static_assert(sizeof(WireAddress) == 16);
static_assert(offsetof(WireAddress, checksum) == 4);
static_assert(offsetof(WireAddress, chunk_bytes) == 8);
static_assert(offsetof(WireAddress, label_bytes) == 12);
static_assert(offsetof(WireAddress, ucx_bytes) == 14);

constexpr uint32_t kAddressMagic = 0x31584349;
constexpr size_t kChecksummedFrom = 8;

uint32_t Fnv1a(std::string_view bytes) {
  uint32_t hash = 2166136261u;
  for (const char c : bytes) {
    hash ^= static_cast<uint8_t>(c);
    hash *= 16777619u;
  }
  return hash;
}

Status Damaged(const char* what) {
  return Errorf(Code::kDataLoss, "malformed rail address from the peer: %s",
                what);
}

}  // namespace

void EncodeChunkHead(const ChunkHead& head, uint8_t out[kChunkHeadBytes]) {
  WireHead wire = {head.lane, head.number, head.offset, {}};
  EncodeFrame(head.frame, wire.frame);
  memcpy(out, &wire, sizeof(wire));
}

void EncodeNoteHead(uint64_t lane, uint32_t number,
                    uint8_t out[kChunkHeadBytes]) {
  const WireHead wire = {lane, number, 0, {}};
  memcpy(out, &wire, sizeof(wire));
}

uint64_t DecodeLane(const void* head, size_t bytes) {
  if (head == nullptr || bytes != kChunkHeadBytes) return 0;
  uint64_t lane;
  memcpy(&lane, head, sizeof(lane));
  return lane;
}

uint32_t DecodeNumber(const void* head) {
  WireHead wire;
  memcpy(&wire, head, sizeof(wire));
  return wire.number;
}

Status DecodeChunkHead(const void* head, size_t bytes, size_t data_bytes,
                       ChunkHead* out) {
  if (head == nullptr || bytes != kChunkHeadBytes)
    return Errorf(Code::kDataLoss, "chunk head of %zu bytes instead of %zu",
                  bytes, kChunkHeadBytes);
  WireHead wire;
  memcpy(&wire, head, sizeof(wire));
  out->lane = wire.lane;
  out->number = wire.number;
  out->offset = wire.offset;
  ITHACA_RETURN_IF_ERROR(DecodeFrame(wire.frame, &out->frame));
  const uint64_t payload = out->frame.payload_bytes;
  if (wire.offset > payload || data_bytes > payload - wire.offset ||
      (data_bytes == 0 && payload != 0))
    return Errorf(Code::kDataLoss,
                  "chunk of %zu bytes at %u of a payload of %llu", data_bytes,
                  wire.offset, static_cast<unsigned long long>(payload));
  return Status();
}

std::string EncodeRailAddress(const RailAddress& address) {
  WireAddress wire = {kAddressMagic, 0, address.chunk_bytes,
                      static_cast<uint16_t>(address.label.size()),
                      static_cast<uint16_t>(address.ucx.size())};
  std::string out(sizeof(wire), '\0');
  memcpy(out.data(), &wire, sizeof(wire));
  out.append(address.label).append(address.ucx);
  wire.checksum = Fnv1a(std::string_view(out).substr(kChecksummedFrom));
  memcpy(out.data(), &wire, sizeof(wire));
  return out;
}

StatusOr<RailAddress> DecodeRailAddress(std::string_view bytes) {
  WireAddress wire;
  if (bytes.size() < sizeof(wire) || bytes.size() > kMaxAddressBytes)
    return Damaged("length");
  memcpy(&wire, bytes.data(), sizeof(wire));
  if (wire.magic != kAddressMagic) return Damaged("magic");
  if (wire.ucx_bytes == 0 ||
      sizeof(wire) + wire.label_bytes + wire.ucx_bytes != bytes.size())
    return Damaged("sizes");
  if (wire.checksum != Fnv1a(bytes.substr(kChecksummedFrom)))
    return Damaged("checksum");
  if (wire.chunk_bytes < kMinChunkBytes) return Damaged("chunk size");
  RailAddress address;
  address.chunk_bytes = wire.chunk_bytes;
  address.label = bytes.substr(sizeof(wire), wire.label_bytes);
  for (char& c : address.label)
    if (c < ' ' || c > '~') c = '?';
  address.ucx = bytes.substr(sizeof(wire) + wire.label_bytes);
  return address;
}

}  // namespace ithaca
