#include "plugin/perf/buffers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

namespace ithaca::perf {
namespace {

using ::testing::HasSubstr;

// What rank 0 of one rank sends itself, delivered.
StatusOr<Buffers> Delivered(size_t bytes) {
  auto buffers = Buffers::Make(0, {bytes}, {bytes});
  if (!buffers.ok()) return buffers;
  buffers->Prepare(3);
  if (bytes > 0) memcpy(buffers->recv(0), buffers->send(0), bytes);
  return buffers;
}

TEST(BuffersTest, RightBytesPassAndAreCounted) {
  for (size_t bytes : {0, 1, 1000}) {
    auto buffers = Delivered(bytes);
    ASSERT_TRUE(buffers.ok());
    uint64_t checked = 0;
    EXPECT_TRUE(buffers->Check(3, &checked).ok());
    EXPECT_EQ(checked, bytes);
  }
}

TEST(BuffersTest, AWrongByteIsNamed) {
  auto buffers = Delivered(1000);
  buffers->recv(0)[777] ^= 1;
  uint64_t checked = 0;
  EXPECT_THAT(buffers->Check(3, &checked).message(),
              HasSubstr("byte 777 of 1000 from rank 0"));
}

TEST(BuffersTest, MissingBytesAreKnownAsSuch) {
  auto buffers = Buffers::Make(0, {100}, {100});
  buffers->Prepare(3);
  uint64_t checked = 0;
  EXPECT_THAT(buffers->Check(3, &checked).message(),
              HasSubstr("(never written)"));
}

TEST(BuffersTest, AnotherIterationsBytesAreWrong) {
  auto buffers = Delivered(1000);
  uint64_t checked = 0;
  EXPECT_FALSE(buffers->Check(4, &checked).ok());
}

TEST(BuffersTest, AByteBehindTheEndIsFound) {
  auto buffers = Delivered(1000);
  buffers->recv(0)[1000] ^= 1;
  uint64_t checked = 0;
  EXPECT_THAT(buffers->Check(3, &checked).message(),
              HasSubstr("1 bytes behind the receive buffer"));
}

TEST(BuffersTest, TooMuchMemoryIsAnError) {
#ifdef ITHACA_SANITIZED
  GTEST_SKIP() << "sanitizers end the process instead";
#endif
  auto buffers = Buffers::Make(0, {size_t{1} << 60}, {1});
  EXPECT_EQ(buffers.status().code(), Code::kResourceExhausted);
}

}  // namespace
}  // namespace ithaca::perf
