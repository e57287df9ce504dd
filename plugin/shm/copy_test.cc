#include "plugin/shm/copy.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <vector>

namespace ithaca {
namespace {

constexpr size_t kRoom = 80 << 10;
constexpr uint8_t kPoison = 0xDB;

// `bytes` from one odd place to another: these and no others.
void ExpectCopies(const std::vector<uint8_t>& from, size_t from_at,
                  size_t to_at, size_t bytes) {
  std::vector<uint8_t> to(kRoom, kPoison), expected = to;
  std::copy_n(from.begin() + from_at, bytes, expected.begin() + to_at);
  CopyForLater(to.data() + to_at, from.data() + from_at, bytes);
  ASSERT_TRUE(to == expected)
      << bytes << " bytes from " << from_at << " to " << to_at;
}

TEST(CopyForLater, CopiesTheseBytesAndNoOthers) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  std::vector<uint8_t> from(kRoom);
  for (uint8_t& byte : from) byte = random();
  for (const size_t bytes : {0, 1, 24, 63, 64, 65, 4095, 8191, 8192, 8193, 8255,
                             8256, 32 << 10, 64 << 10})
    for (const size_t to_at : {0, 1, 31, 32, 40, 63, 64})
      ExpectCopies(from, random() % 130, to_at, bytes);
  for (int i = 0; i < 500; ++i)
    ExpectCopies(from, random() % 4096, random() % 4096, random() % (64 << 10));
}

}  // namespace
}  // namespace ithaca
