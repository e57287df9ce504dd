#include "daemon/server/preface.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace ithaca::server {
namespace {

// What a gRPC client sends first: the preface, and SETTINGS with two settings.
const std::string kGood(
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\x0c\x04\0\0\0\0\0", 33);

TEST(Preface, KnowsAClient) {
  EXPECT_EQ(JudgePreface(kGood), Preface::kGood);
  EXPECT_EQ(JudgePreface(kGood + "more"), Preface::kGood);
}

TEST(Preface, EveryBeginningIsIncomplete) {
  for (size_t n = 0; n < kPrefaceBytes; ++n) {
    EXPECT_EQ(JudgePreface(std::string_view(kGood).substr(0, n)),
              Preface::kIncomplete)
        << n;
  }
}

TEST(Preface, EveryWrongByteIsSeen) {
  for (size_t i = 0; i < kPrefaceBytes; ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string bad = kGood;
      bad[i] = static_cast<char>(bad[i] ^ (1 << bit));
      // Another small, whole number of settings is as good.
      const bool length = i == 25 || i == 26;
      const int bytes = static_cast<unsigned char>(bad[25]) << 8 |
                        static_cast<unsigned char>(bad[26]);
      const bool good = length && bytes % 6 == 0 && bytes <= 600;
      EXPECT_EQ(JudgePreface(bad), good ? Preface::kGood : Preface::kBad)
          << i << " " << bit;
    }
  }
}

TEST(Preface, OtherProtocolsAreTurnedAway) {
  for (const char* text : {"GET / HTTP/1.1\r\n\r\n", "SSH-2.0-OpenSSH\r\n",
                           "\x16\x03\x01", "PRI * HTTP/1.0\r\n"}) {
    EXPECT_EQ(JudgePreface(text), Preface::kBad) << text;
  }
}

const std::string kHello("\x16\x03\x01\x02\x00\x01", 6);

TEST(ClientHello, IsKnownByItsHead) {
  for (size_t n = 0; n < kHello.size(); ++n)
    EXPECT_EQ(JudgeClientHello(kHello.substr(0, n)), Preface::kIncomplete);
  EXPECT_EQ(JudgeClientHello(kHello), Preface::kGood);
  EXPECT_EQ(JudgeClientHello(kHello + std::string(27, '\xff')), Preface::kGood);
  for (const std::string& bad :
       {std::string("G"), std::string("\x15\x03\x01"), std::string("\x16\x02"),
        std::string("\x16\x03\x05"), std::string("\x16\x03\x01\x40\x01\x01"),
        std::string("\x16\x03\x01\x00\x29\x01", 6),
        std::string("\x16\x03\x01\x02\x00\x02", 6)}) {
    EXPECT_EQ(JudgeClientHello(bad), Preface::kBad);
  }
}

}  // namespace
}  // namespace ithaca::server
