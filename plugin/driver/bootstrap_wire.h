// What ranks say to each other at the rendezvous: bytes, and nothing else.
//
// Little-endian, unaligned. The version rises when a layout changes; ranks of
// different versions refuse each other by name. Every Decode* takes bytes from
// anywhere and either fills its result or returns false; none reads past what
// it was given. Immutable, thread-safe.
//
//   Hello, 32 bytes, joiner to rank 0
//     0  u64 magic "ITHBOOT1"     8  u16 version     10 u16 zero
//     12 u32 rank                 16 u32 ranks       20 u32 zero
//     24 u64 token of the job
//   Welcome, 16 bytes, rank 0 to joiner
//     0  u64 magic                8  u16 version     10 u16 Refusal
//     12 u32 ranks
//   FrameHeader, 24 bytes, before every payload afterwards
//     0  u32 magic "ITHF"         4  u16 version     6  u16 FrameKind
//     8  u64 sequence of the collective
//     16 u64 payload bytes, at most kMaxPayloadBytes
//   Blob list (payload of answers and of all-to-all): for each blob
//     u64 bytes, then the bytes
#ifndef ITHACA_PLUGIN_DRIVER_BOOTSTRAP_WIRE_H_
#define ITHACA_PLUGIN_DRIVER_BOOTSTRAP_WIRE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace ithaca::driver {

inline constexpr uint16_t kBootstrapVersion = 1;
inline constexpr uint64_t kMaxPayloadBytes = 64ull << 20;
inline constexpr uint32_t kMaxRanks = 1 << 16;

struct Hello {
  uint16_t version = kBootstrapVersion;
  uint32_t rank = 0;
  uint32_t ranks = 0;
  uint64_t token = 0;
};

enum class Refusal : uint16_t {
  kNone = 0,
  kVersion = 1,
  kToken = 2,
  kRanks = 3,      // the two sides were told different numbers of ranks
  kRankRange = 4,  // rank >= ranks, or 0
  kRankTaken = 5,
};

struct Welcome {
  uint16_t version = kBootstrapVersion;
  Refusal refusal = Refusal::kNone;
  uint32_t ranks = 0;
};

enum class FrameKind : uint16_t { kGather = 1, kAllToAll = 2, kError = 3 };

struct FrameHeader {
  FrameKind kind = FrameKind::kGather;
  uint64_t sequence = 0;
  uint64_t bytes = 0;
};

inline constexpr size_t kHelloBytes = 32;
inline constexpr size_t kWelcomeBytes = 16;
inline constexpr size_t kFrameHeaderBytes = 24;

std::array<uint8_t, kHelloBytes> Encode(const Hello& hello);
std::array<uint8_t, kWelcomeBytes> Encode(const Welcome& welcome);
std::array<uint8_t, kFrameHeaderBytes> Encode(const FrameHeader& header);

// False: not ours at all (wrong magic, reserved bytes set, values no rank would
// send). A different version is decoded, so that it can be named.
bool DecodeHello(const uint8_t* data, size_t bytes, Hello* hello);
bool DecodeWelcome(const uint8_t* data, size_t bytes, Welcome* welcome);
bool DecodeFrameHeader(const uint8_t* data, size_t bytes, FrameHeader* header);

std::string EncodeBlobs(const std::vector<std::string>& blobs);
// False unless `data` is exactly `count` blobs.
bool DecodeBlobs(const std::string& data, size_t count,
                 std::vector<std::string>* blobs);

// A sentence for people, also for values that no version has defined.
const char* RefusalText(Refusal refusal);

}  // namespace ithaca::driver

#endif  // ITHACA_PLUGIN_DRIVER_BOOTSTRAP_WIRE_H_
