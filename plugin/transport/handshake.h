// The first bytes on a lane's socket: the connector's hello, the listener's
// welcome. Then frames follow (frame.h), or, for a lane over UCX or shared
// memory, nothing: the socket then only tells that the peer is alive.
//
// Hello, little-endian, 96 bytes, then address_bytes of address, of the
// one kind other than sockets that the connector offers:
//
//   offset  size  field
//        0     4  magic "ITHH"
//        4     2  kWireVersion
//        6     1  number of the lane in its connection
//        7     1  lane kinds that the connector can use, bits of LaneKind
//        8     8  id of the listener, from the handle
//       16     8  nonce, from the handle
//       24    16  id of the connection, random, the same for all its lanes
//       40     8  commId of the communicator, 0 below net ABI v11
//       48     8  hash of the tuning profile, 0 = none
//       56     8  hash of the group's plan, 0 = none
//       64     8  UCX lane id, 0 = none
//       72     4  process id, for log lines
//       76     2  address_bytes, at most kMaxAddressBytes
//       78     2  port to knock at, on the connector's address; 0 = none
//       80     4  how many times this lane was dialled, 1 = first
//       84    12  0
//
// A hello without any lane kind is a knock: a listener that has no lane left
// asks whether the connector still has the connection. It is answered with a
// welcome, or by hanging up.
//
// Welcome, 48 bytes, then text_bytes of address or, on refusal, reason:
//
//        0     4  magic "ITHW"
//        4     2  kWireVersion
//        6     1  Verdict
//        7     1  the LaneKind to use
//        8     8  UCX lane id
//       16     8  hash of the tuning profile
//       24     8  hash of the plan
//       32     2  text_bytes, at most kMaxAddressBytes
//       34    14  0
#ifndef ITHACA_PLUGIN_TRANSPORT_HANDSHAKE_H_
#define ITHACA_PLUGIN_TRANSPORT_HANDSHAKE_H_

#include <array>
#include <cstdint>
#include <string>

#include "plugin/core/status.h"

namespace ithaca {

inline constexpr size_t kHelloBytes = 96;
inline constexpr size_t kWelcomeBytes = 48;

enum LaneKind : uint8_t {
  kSocketLane = 1,
  kUcxLane = 2,
  kShmLane = 4,
};

using ConnectionId = std::array<uint8_t, 16>;

struct Hello {
  uint8_t lane = 0;
  uint8_t kinds = kSocketLane;
  uint64_t listener = 0;
  uint64_t nonce = 0;
  ConnectionId connection{};
  uint64_t comm_id = 0;
  uint64_t profile_hash = 0;
  uint64_t plan_hash = 0;
  uint64_t ucx_lane_id = 0;
  uint32_t pid = 0;
  uint16_t knock_port = 0;
  uint32_t dial = 1;
  std::string address;
};

enum class Verdict : uint8_t {
  kAccepted = 0,
  kStale = 1,            // a later dial of this lane was answered already
  kProfileMismatch = 2,  // the two sides would run different tuning profiles
  kPlanMismatch = 3,
  kRefused = 4,  // the text says why
};

struct Welcome {
  Verdict verdict = Verdict::kAccepted;
  LaneKind kind = kSocketLane;
  uint64_t ucx_lane_id = 0;
  uint64_t profile_hash = 0;
  uint64_t plan_hash = 0;
  std::string text;
};

std::string EncodeHello(const Hello& hello);
std::string EncodeWelcome(const Welcome& welcome);

// Both decode the fixed part; *rest is how many bytes of address or text follow
// (to be stored by the caller). DATA_LOSS when the bytes are not ours,
// FAILED_PRECONDITION when they are of another wire version.
Status DecodeHello(const uint8_t bytes[kHelloBytes], Hello* hello,
                   size_t* rest);
Status DecodeWelcome(const uint8_t bytes[kWelcomeBytes], Welcome* welcome,
                     size_t* rest);

}  // namespace ithaca

#endif  // ITHACA_PLUGIN_TRANSPORT_HANDSHAKE_H_
