// Sizes, registrations and profiling handles of the older versions.
#include <climits>
#include <vector>

#include "plugin/net/narrow_fake.h"

namespace ithaca::net {
namespace {

TEST_F(NarrowTest, V9PassesWideSizesWithoutProfilingHandles) {
  void* request = kPoison;
  fake_.phandle = kPoison;
  ASSERT_EQ(
      kNetV9.isend(nullptr, nullptr, size_t{1} << 33, 5, nullptr, &request),
      Result::kSuccess);
  EXPECT_EQ(fake_.sizes, std::vector<size_t>{size_t{1} << 33});
  EXPECT_EQ(fake_.phandle, nullptr);
  EXPECT_EQ(fake_.tag, 5);
  EXPECT_EQ(request, Ptr<void>(0x15));
  fake_.phandle = kPoison;
  size_t size = size_t{1} << 34;
  int tag = 6;
  request = Ptr<void>(abi::kOptionalRecvCompletion);
  ASSERT_EQ(kNetV9.irecv(nullptr, 1, nullptr, &size, &tag, nullptr, &request),
            Result::kSuccess);
  EXPECT_EQ(fake_.sizes, std::vector<size_t>{size});
  EXPECT_EQ(fake_.phandle, nullptr);
  EXPECT_EQ(fake_.request_in, Ptr<void>(abi::kOptionalRecvCompletion));
  EXPECT_EQ(request, Ptr<void>(0x16));
}

template <typename Table>
class IntSizes : public NarrowTest {};
using IntTables = ::testing::Types<abi::NetV8, abi::NetV7, abi::NetV6>;
TYPED_TEST_SUITE(IntSizes, IntTables);

TYPED_TEST(IntSizes, WidensSends) {
  const auto& net = TableOf<TypeParam>();
  for (int size : {0, 1, 1 << 30, INT_MAX}) {
    void* request = kPoison;
    ASSERT_EQ(net.isend(nullptr, nullptr, size, 3, nullptr, &request),
              Result::kSuccess);
    EXPECT_EQ(fake->sizes, std::vector<size_t>{static_cast<size_t>(size)});
    EXPECT_EQ(request, Ptr<void>(0x15));
  }
}

TYPED_TEST(IntSizes, WidensEveryGroupOfReceives) {
  const auto& net = TableOf<TypeParam>();
  for (int n = 1; n <= v8::kMaxGroupedRecvs; ++n) {
    std::vector<int> sizes;
    std::vector<int> tags(n, 4);
    std::vector<size_t> wide;
    for (int i = 0; i < n; ++i) {
      sizes.push_back(INT_MAX - i);
      wide.push_back(static_cast<size_t>(INT_MAX) - i);
    }
    void* request = Ptr<void>(abi::kOptionalRecvCompletion);
    ASSERT_EQ(net.irecv(nullptr, n, nullptr, sizes.data(), tags.data(), nullptr,
                        &request),
              Result::kSuccess);
    EXPECT_EQ(fake->sizes, wide);
    EXPECT_EQ(request, Ptr<void>(0x16));
  }
}

TYPED_TEST(IntSizes, RejectsWhatNcclNeverAsks) {
  const auto& net = TableOf<TypeParam>();
  void* request = kPoison;
  EXPECT_EQ(net.isend(nullptr, nullptr, -1, 0, nullptr, &request),
            Result::kInternalError);
  EXPECT_EQ(request, nullptr);
  int tags[9] = {};
  for (int n : {-1, 0, 9}) {
    int sizes[9] = {};
    request = kPoison;
    EXPECT_EQ(net.irecv(nullptr, n, nullptr, sizes, tags, nullptr, &request),
              Result::kInternalError);
    EXPECT_EQ(request, nullptr);
  }
  int sizes[3] = {1, 2, INT_MIN};
  request = kPoison;
  EXPECT_EQ(net.irecv(nullptr, 3, nullptr, sizes, tags, nullptr, &request),
            Result::kInternalError);
  EXPECT_EQ(request, nullptr);
  EXPECT_EQ(fake->last, "");
}

TYPED_TEST(IntSizes, RegistersUpToIntMax) {
  const auto& net = TableOf<TypeParam>();
  void* mhandle = kPoison;
  ASSERT_EQ(net.regMr(nullptr, nullptr, INT_MAX, abi::kPtrHost, &mhandle),
            Result::kSuccess);
  EXPECT_EQ(fake->sizes, std::vector<size_t>{INT_MAX});
  EXPECT_EQ(mhandle, Ptr<void>(0x14));
}

TEST_F(NarrowTest, NegativeRegistrationIsRejectedWhereSizesAreInts) {
  void* mhandle = kPoison;
  EXPECT_EQ(kNetV7.regMr(nullptr, nullptr, -1, abi::kPtrHost, &mhandle),
            Result::kInternalError);
  EXPECT_EQ(mhandle, nullptr);
  mhandle = kPoison;
  EXPECT_EQ(kNetV6.regMr(nullptr, nullptr, INT_MIN, abi::kPtrHost, &mhandle),
            Result::kInternalError);
  EXPECT_EQ(mhandle, nullptr);
}

TEST_F(NarrowTest, V6AsksForNoDeviceHandles) {
  ASSERT_EQ(kNetV6.init(nullptr), Result::kSuccess);
  char handle[abi::kHandleBytes] = {};
  void* comm = kPoison;
  fake_.dev_comm = Ptr<abi::NetDeviceHandle*>(0x99);
  ASSERT_EQ(kNetV6.connect(0, handle, &comm), Result::kSuccess);
  EXPECT_EQ(fake_.dev_comm, nullptr);
  fake_.dev_comm = Ptr<abi::NetDeviceHandle*>(0x99);
  ASSERT_EQ(kNetV6.accept(nullptr, &comm), Result::kSuccess);
  EXPECT_EQ(fake_.dev_comm, nullptr);
  EXPECT_EQ(comm, Ptr<void>(0x13));
}

}  // namespace
}  // namespace ithaca::net
