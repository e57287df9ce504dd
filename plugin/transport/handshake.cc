#include "plugin/transport/handshake.h"

#include <cstddef>
#include <cstring>

#include "plugin/transport/frame.h"
#include "plugin/transport/lane.h"

namespace ithaca {
namespace {

constexpr char kHelloMagic[4] = {'I', 'T', 'H', 'H'};
constexpr char kWelcomeMagic[4] = {'I', 'T', 'H', 'W'};

struct WireHello {
  char magic[4];
  uint16_t version;
  uint8_t lane;
  uint8_t kinds;
  uint64_t listener;
  uint64_t nonce;
  uint8_t connection[16];
  uint64_t comm_id;
  uint64_t profile_hash;
  uint64_t plan_hash;
  uint64_t ucx_lane_id;
  uint32_t pid;
  uint16_t address_bytes;
  uint16_t knock_port;
  uint32_t dial;
  uint8_t zero[12];
};
static_assert(offsetof(WireHello, dial) == 80);
static_assert(sizeof(WireHello) == kHelloBytes);
static_assert(offsetof(WireHello, connection) == 24);
static_assert(offsetof(WireHello, address_bytes) == 76);

struct WireWelcome {
  char magic[4];
  uint16_t version;
  uint8_t verdict;
  uint8_t kind;
  uint64_t ucx_lane_id;
  uint64_t profile_hash;
  uint64_t plan_hash;
  uint16_t text_bytes;
  uint8_t zero[14];
};
static_assert(sizeof(WireWelcome) == kWelcomeBytes);
static_assert(offsetof(WireWelcome, text_bytes) == 32);

Status CheckStart(const char* magic, const char* wanted, uint16_t version) {
  if (memcmp(magic, wanted, 4) != 0)
    return Status(Code::kDataLoss, "the peer does not speak ithaca's protocol");
  if (version != kWireVersion)
    return Errorf(Code::kFailedPrecondition,
                  "the peer speaks wire version %u, this side %u; install the "
                  "same release of ithaca on all nodes",
                  version, kWireVersion);
  return Status();
}

}  // namespace

std::string EncodeHello(const Hello& hello) {
  WireHello wire = {};
  memcpy(wire.magic, kHelloMagic, 4);
  wire.version = kWireVersion;
  wire.lane = hello.lane;
  wire.kinds = hello.kinds;
  wire.listener = hello.listener;
  wire.nonce = hello.nonce;
  memcpy(wire.connection, hello.connection.data(), 16);
  wire.comm_id = hello.comm_id;
  wire.profile_hash = hello.profile_hash;
  wire.plan_hash = hello.plan_hash;
  wire.ucx_lane_id = hello.ucx_lane_id;
  wire.pid = hello.pid;
  wire.address_bytes = hello.address.size();
  wire.knock_port = hello.knock_port;
  wire.dial = hello.dial;
  return std::string(reinterpret_cast<char*>(&wire), kHelloBytes) +
         hello.address;
}

Status DecodeHello(const uint8_t bytes[kHelloBytes], Hello* hello,
                   size_t* rest) {
  WireHello wire;
  memcpy(&wire, bytes, kHelloBytes);
  ITHACA_RETURN_IF_ERROR(CheckStart(wire.magic, kHelloMagic, wire.version));
  if (wire.lane >= kMaxLanes || wire.address_bytes > kMaxAddressBytes)
    return Status(Code::kDataLoss, "malformed hello");
  hello->lane = wire.lane;
  hello->kinds = wire.kinds;
  hello->listener = wire.listener;
  hello->nonce = wire.nonce;
  memcpy(hello->connection.data(), wire.connection, 16);
  hello->comm_id = wire.comm_id;
  hello->profile_hash = wire.profile_hash;
  hello->plan_hash = wire.plan_hash;
  hello->ucx_lane_id = wire.ucx_lane_id;
  hello->pid = wire.pid;
  hello->knock_port = wire.knock_port;
  hello->dial = wire.dial;
  *rest = wire.address_bytes;
  return Status();
}

std::string EncodeWelcome(const Welcome& welcome) {
  WireWelcome wire = {};
  memcpy(wire.magic, kWelcomeMagic, 4);
  wire.version = kWireVersion;
  wire.verdict = static_cast<uint8_t>(welcome.verdict);
  wire.kind = welcome.kind;
  wire.ucx_lane_id = welcome.ucx_lane_id;
  wire.profile_hash = welcome.profile_hash;
  wire.plan_hash = welcome.plan_hash;
  const std::string text = welcome.text.substr(0, kMaxAddressBytes);
  wire.text_bytes = text.size();
  return std::string(reinterpret_cast<char*>(&wire), kWelcomeBytes) + text;
}

Status DecodeWelcome(const uint8_t bytes[kWelcomeBytes], Welcome* welcome,
                     size_t* rest) {
  WireWelcome wire;
  memcpy(&wire, bytes, kWelcomeBytes);
  ITHACA_RETURN_IF_ERROR(CheckStart(wire.magic, kWelcomeMagic, wire.version));
  if (wire.verdict > static_cast<uint8_t>(Verdict::kRefused) ||
      (wire.kind != kSocketLane && wire.kind != kUcxLane &&
       wire.kind != kShmLane) ||
      wire.text_bytes > kMaxAddressBytes)
    return Status(Code::kDataLoss, "malformed welcome");
  welcome->verdict = static_cast<Verdict>(wire.verdict);
  welcome->kind = static_cast<LaneKind>(wire.kind);
  welcome->ucx_lane_id = wire.ucx_lane_id;
  welcome->profile_hash = wire.profile_hash;
  welcome->plan_hash = wire.plan_hash;
  *rest = wire.text_bytes;
  return Status();
}

}  // namespace ithaca
