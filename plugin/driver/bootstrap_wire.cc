#include "plugin/driver/bootstrap_wire.h"

#include <cstring>

namespace ithaca::driver {
namespace {

constexpr uint64_t kHelloMagic = 0x31544f4f42485449;  // "ITHBOOT1"
constexpr uint32_t kFrameMagic = 0x46485449;          // "ITHF"

template <typename T>
void Put(uint8_t* at, T value) {
  for (size_t i = 0; i < sizeof(T); ++i) {
    at[i] = static_cast<uint8_t>(static_cast<uint64_t>(value) >> (8 * i));
  }
}

template <typename T>
T Get(const uint8_t* at) {
  uint64_t value = 0;
  for (size_t i = 0; i < sizeof(T); ++i) {
    value |= static_cast<uint64_t>(at[i]) << (8 * i);
  }
  return static_cast<T>(value);
}

}  // namespace

std::array<uint8_t, kHelloBytes> Encode(const Hello& hello) {
  std::array<uint8_t, kHelloBytes> out = {};
  Put(&out[0], kHelloMagic);
  Put(&out[8], hello.version);
  Put(&out[12], hello.rank);
  Put(&out[16], hello.ranks);
  Put(&out[24], hello.token);
  return out;
}

bool DecodeHello(const uint8_t* data, size_t bytes, Hello* hello) {
  if (bytes != kHelloBytes || Get<uint64_t>(data) != kHelloMagic) return false;
  if (Get<uint16_t>(data + 10) != 0 || Get<uint32_t>(data + 20) != 0) {
    return false;
  }
  hello->version = Get<uint16_t>(data + 8);
  hello->rank = Get<uint32_t>(data + 12);
  hello->ranks = Get<uint32_t>(data + 16);
  hello->token = Get<uint64_t>(data + 24);
  return hello->ranks <= kMaxRanks;
}

std::array<uint8_t, kWelcomeBytes> Encode(const Welcome& welcome) {
  std::array<uint8_t, kWelcomeBytes> out = {};
  Put(&out[0], kHelloMagic);
  Put(&out[8], welcome.version);
  Put(&out[10], static_cast<uint16_t>(welcome.refusal));
  Put(&out[12], welcome.ranks);
  return out;
}

bool DecodeWelcome(const uint8_t* data, size_t bytes, Welcome* welcome) {
  if (bytes != kWelcomeBytes || Get<uint64_t>(data) != kHelloMagic) {
    return false;
  }
  welcome->version = Get<uint16_t>(data + 8);
  welcome->refusal = static_cast<Refusal>(Get<uint16_t>(data + 10));
  welcome->ranks = Get<uint32_t>(data + 12);
  return welcome->ranks <= kMaxRanks;
}

std::array<uint8_t, kFrameHeaderBytes> Encode(const FrameHeader& header) {
  std::array<uint8_t, kFrameHeaderBytes> out = {};
  Put(&out[0], kFrameMagic);
  Put(&out[4], kBootstrapVersion);
  Put(&out[6], static_cast<uint16_t>(header.kind));
  Put(&out[8], header.sequence);
  Put(&out[16], header.bytes);
  return out;
}

bool DecodeFrameHeader(const uint8_t* data, size_t bytes, FrameHeader* header) {
  if (bytes != kFrameHeaderBytes || Get<uint32_t>(data) != kFrameMagic ||
      Get<uint16_t>(data + 4) != kBootstrapVersion) {
    return false;
  }
  const uint16_t kind = Get<uint16_t>(data + 6);
  if (kind < 1 || kind > 3) return false;
  header->kind = static_cast<FrameKind>(kind);
  header->sequence = Get<uint64_t>(data + 8);
  header->bytes = Get<uint64_t>(data + 16);
  return header->bytes <= kMaxPayloadBytes;
}

std::string EncodeBlobs(const std::vector<std::string>& blobs) {
  std::string out;
  for (const std::string& blob : blobs) {
    uint8_t size[8];
    Put<uint64_t>(size, blob.size());
    out.append(reinterpret_cast<const char*>(size), sizeof(size));
    out += blob;
  }
  return out;
}

bool DecodeBlobs(const std::string& data, size_t count,
                 std::vector<std::string>* blobs) {
  blobs->clear();
  size_t at = 0;
  for (size_t i = 0; i < count; ++i) {
    if (data.size() - at < 8) return false;
    const uint64_t size =
        Get<uint64_t>(reinterpret_cast<const uint8_t*>(data.data()) + at);
    at += 8;
    if (size > data.size() - at) return false;
    blobs->push_back(data.substr(at, size));
    at += size;
  }
  return at == data.size();
}

const char* RefusalText(Refusal refusal) {
  switch (refusal) {
    case Refusal::kNone:
      return "accepted";
    case Refusal::kVersion:
      return "it runs another version of Ithaca; use one version everywhere";
    case Refusal::kToken:
      return "it belongs to another job (the tokens differ); check the "
             "rendezvous address";
    case Refusal::kRanks:
      return "it was started with another number of ranks";
    case Refusal::kRankRange:
      return "it does not have room for this rank number";
    case Refusal::kRankTaken:
      return "this rank number joined already; give every process its own";
  }
  return "it gave a reason that this version does not know";
}

}  // namespace ithaca::driver
