#include "daemon/server/preface.h"

#include <algorithm>

namespace ithaca::server {
namespace {

constexpr std::string_view kMagic("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24);
// Settings have 6 bytes each; nobody sends a hundred of them.
constexpr size_t kSettingBytes = 6;
constexpr size_t kMaxSettingsBytes = 100 * kSettingBytes;

// length (3 bytes, big-endian), type 4, flags 0, stream 0 (4 bytes).
bool IsSettingsHead(std::string_view head) {
  const auto byte = [head](size_t i) {
    return static_cast<unsigned char>(head[i]);
  };
  const size_t length =
      static_cast<size_t>(byte(0)) << 16 | byte(1) << 8 | byte(2);
  return length <= kMaxSettingsBytes && length % kSettingBytes == 0 &&
         byte(3) == 4 && byte(4) == 0 && byte(5) == 0 && byte(6) == 0 &&
         byte(7) == 0 && byte(8) == 0;
}

// Record type 22, version 3.0 to 3.4, length (2 bytes, big-endian), handshake
// type 1.
constexpr size_t kHelloHeadBytes = 6;
constexpr size_t kMaxRecordBytes = 16384;
constexpr size_t kMinHelloBytes = 42;

}  // namespace

Preface JudgePreface(std::string_view bytes) {
  const std::string_view magic = bytes.substr(0, kMagic.size());
  if (magic != kMagic.substr(0, magic.size())) return Preface::kBad;
  if (bytes.size() < kPrefaceBytes) return Preface::kIncomplete;
  return IsSettingsHead(bytes.substr(kMagic.size(), 9)) ? Preface::kGood
                                                        : Preface::kBad;
}

Preface JudgeClientHello(std::string_view bytes) {
  const auto byte = [bytes](size_t i) {
    return static_cast<unsigned char>(bytes[i]);
  };
  const size_t seen = bytes.size();
  if ((seen > 0 && byte(0) != 22) || (seen > 1 && byte(1) != 3) ||
      (seen > 2 && byte(2) > 4)) {
    return Preface::kBad;
  }
  if (seen < kHelloHeadBytes) return Preface::kIncomplete;
  const size_t length = static_cast<size_t>(byte(3)) << 8 | byte(4);
  return length >= kMinHelloBytes && length <= kMaxRecordBytes && byte(5) == 1
             ? Preface::kGood
             : Preface::kBad;
}

}  // namespace ithaca::server
