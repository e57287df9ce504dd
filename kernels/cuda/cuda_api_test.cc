// The CUDA calls of the C API over a stand-in for the driver that runs the
// kernels' bodies on the CPU: what is launched, over what, and every error.
#include <dlfcn.h>

#include <cstring>
#include <random>
#include <string>

#include "gtest/gtest.h"
#include "kernels/api/ithaca_ulysses_cuda.h"
#include "kernels/cuda/fat_binary.h"
#include "kernels/reference/testing/local_group.h"
#include "kernels/reference/testing/random_plan.h"
#include "kernels/reference/testing/slice.h"

namespace ithaca::ulysses {
namespace {

struct DestroyCuda {
  void operator()(ithaca_ulysses_cuda* c) const {
    ithaca_ulysses_cuda_destroy(c);
  }
};

// What the stand-in answers from now on.
void SetDriver(int context, int version, int launch_result) {
  void* const library = dlopen("libcuda.so.1", RTLD_NOW);
  ASSERT_NE(library, nullptr) << dlerror();
  const auto set =
      reinterpret_cast<void (*)(int, int, int)>(dlsym(library, "stand_in_set"));
  ASSERT_NE(set, nullptr) << "a real driver was found";
  set(context, version, launch_result);
}

class CudaApiTest : public testing::Test {
 protected:
  void SetUp() override {
    if (FatBinary().bytes == 0)
      GTEST_SKIP() << "SKIPPED: built without a CUDA toolkit";
    SetDriver(1, 12080, 0);
  }
};

// One rank with its tables on the "device".
class OnDevice {
 public:
  explicit OnDevice(const ithaca_ulysses_exchange* exchange) {
    ithaca_ulysses_cuda* cuda = nullptr;
    ithaca_ulysses_error error;
    EXPECT_EQ(ithaca_ulysses_cuda_create(exchange, &cuda, &error), 0)
        << error.message;
    cuda_.reset(cuda);
    uint64_t bytes = 0;
    EXPECT_EQ(ithaca_ulysses_cuda_table_bytes(cuda, &bytes, &error), 0);
    table_ = GuardedBuffer(bytes);
    EXPECT_EQ(ithaca_ulysses_cuda_upload(cuda, table_.span(), nullptr, &error),
              0)
        << error.message;
    EXPECT_TRUE(table_.GuardsIntact());
  }
  ithaca_ulysses_cuda* get() const { return cuda_.get(); }

 private:
  std::unique_ptr<ithaca_ulysses_cuda, DestroyCuda> cuda_;
  GuardedBuffer table_;
};

std::vector<char> Joined(const std::vector<GuardedBuffer>& messages) {
  std::vector<char> all;
  for (const GuardedBuffer& m : messages) {
    const std::vector<char> bytes = m.Copy();
    all.insert(all.end(), bytes.begin(), bytes.end());
  }
  return all;
}

void CheckRank(const LocalGroup& group, int32_t r, int32_t step,
               const RankTensors& input, const std::vector<char>& packed,
               const std::vector<char>& received, const RankTensors& output) {
  const OnDevice device(group.rank(r));
  ithaca_ulysses_error error;
  std::vector<ithaca_ulysses_const_span> in;
  for (const GuardedBuffer& t : input) in.push_back(t.const_span());
  GuardedBuffer buffer(packed.size());
  ASSERT_EQ(ithaca_ulysses_cuda_pack(device.get(), step, in.data(),
                                     static_cast<int32_t>(in.size()),
                                     buffer.span(), nullptr, &error),
            0)
      << error.message;
  ASSERT_TRUE(buffer.GuardsIntact());
  ASSERT_EQ(buffer.Copy(), packed);
  GuardedBuffer from(received.size());
  std::copy(received.begin(), received.end(), from.data());
  RankTensors tensors = group.MakeTensors(r, step, ITHACA_ULYSSES_UNPACK);
  std::vector<ithaca_ulysses_span> out;
  for (GuardedBuffer& t : tensors) out.push_back(t.span());
  ASSERT_EQ(ithaca_ulysses_cuda_unpack(
                device.get(), step, from.const_span(), out.data(),
                static_cast<int32_t>(out.size()), nullptr, &error),
            0)
      << error.message;
  for (size_t t = 0; t < tensors.size(); ++t) {
    ASSERT_TRUE(tensors[t].GuardsIntact());
    ASSERT_EQ(tensors[t].Copy(), output[t].Copy()) << t;
  }
}

TEST_F(CudaApiTest, DoesWhatTheCpuDoes) {
  for (unsigned seed = 0; seed < 120; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 rng(seed);
    RandomPlanLimits limits;
    limits.quantised = seed % 3 == 0;
    limits.max_group = 8;
    FlatPlan plan = RandomPlan(&rng, limits);
    if (seed % 2 == 0) plan.head_size = 16;
    const LocalGroup group(plan);
    const auto step = static_cast<int32_t>(1 + seed / 3 % 4);
    std::vector<RankTensors> inputs;
    for (int32_t r = 0; r < plan.num_ranks(); ++r) {
      inputs.push_back(group.MakeTensors(r, step, ITHACA_ULYSSES_PACK));
      for (GuardedBuffer& t : inputs[r]) {
        WholeTensor flat;
        flat.data.resize(t.bytes());
        FillWithNormals(&rng, plan.dtype, &flat);
        std::copy(flat.data.begin(), flat.data.end(), t.data());
      }
    }
    const auto messages = group.Pack(step, inputs);
    const auto outputs = group.Unpack(step, messages);
    for (int32_t r = 0; r < plan.num_ranks(); ++r) {
      std::vector<char> received;
      for (int32_t peer = 0; peer < plan.num_ranks(); ++peer) {
        const std::vector<char> m = messages[peer][r].Copy();
        received.insert(received.end(), m.begin(), m.end());
      }
      CheckRank(group, r, step, inputs[r], Joined(messages[r]), received,
                outputs[r]);
      if (HasFatalFailure()) return;
    }
  }
}

class CudaApiErrorsTest : public CudaApiTest {
 protected:
  CudaApiErrorsTest()
      : plan_(EvenPlan(2, 8, 4, 2, 16, ITHACA_ULYSSES_BF16)), group_(plan_) {}

  int32_t Pack(const ithaca_ulysses_cuda* cuda,
               const ithaca_ulysses_span& buffer) {
    std::vector<ithaca_ulysses_const_span> in;
    for (const GuardedBuffer& t : tensors_) in.push_back(t.const_span());
    return ithaca_ulysses_cuda_pack(cuda, ITHACA_ULYSSES_SEQ_TO_HEADS,
                                    in.data(), 3, buffer, nullptr, &error_);
  }
  void ExpectSays(const std::string& words) {
    EXPECT_NE(std::string(error_.message).find(words), std::string::npos)
        << error_.message;
  }

  FlatPlan plan_;
  LocalGroup group_;
  RankTensors tensors_ =
      group_.MakeTensors(0, ITHACA_ULYSSES_SEQ_TO_HEADS, ITHACA_ULYSSES_PACK);
  GuardedBuffer buffer_ = GuardedBuffer(4 * 8 * 16 * 2);
  ithaca_ulysses_error error_{};
};

TEST_F(CudaApiErrorsTest, NamesTheArgument) {
  const OnDevice device(group_.rank(0));
  EXPECT_EQ(Pack(device.get(), buffer_.span()), 0) << error_.message;
  EXPECT_EQ(Pack(nullptr, buffer_.span()), ITHACA_ULYSSES_INVALID_ARGUMENT);
  ExpectSays("cuda is NULL");
  EXPECT_EQ(Pack(device.get(), {buffer_.data(), buffer_.bytes() - 2}),
            ITHACA_ULYSSES_INVALID_ARGUMENT);
  ExpectSays("buffer[0].bytes is 1022, expected 1024");
  EXPECT_EQ(Pack(device.get(), {tensors_[1].data(), buffer_.bytes()}),
            ITHACA_ULYSSES_INVALID_ARGUMENT);
  ExpectSays("the buffer overlaps tensors[");
  EXPECT_EQ(Pack(device.get(), {buffer_.data() + 1, buffer_.bytes()}),
            ITHACA_ULYSSES_INVALID_ARGUMENT);
  ExpectSays("not aligned to 2 bytes");
  EXPECT_EQ(ithaca_ulysses_cuda_unpack(device.get(), 9, {}, nullptr, 0, nullptr,
                                       &error_),
            ITHACA_ULYSSES_INVALID_ARGUMENT);
  ExpectSays("step is 9");
  EXPECT_EQ(ithaca_ulysses_cuda_unpack(device.get(), 1, buffer_.const_span(),
                                       nullptr, 3, nullptr, &error_),
            ITHACA_ULYSSES_INVALID_ARGUMENT);
  ExpectSays("tensors is NULL");
}

TEST_F(CudaApiErrorsTest, WantsAnUpload) {
  ithaca_ulysses_cuda* cuda = nullptr;
  ASSERT_EQ(ithaca_ulysses_cuda_create(group_.rank(0), &cuda, &error_), 0);
  const std::unique_ptr<ithaca_ulysses_cuda, DestroyCuda> owner(cuda);
  EXPECT_EQ(Pack(cuda, buffer_.span()), ITHACA_ULYSSES_INVALID_ARGUMENT);
  ExpectSays("call ithaca_ulysses_cuda_upload first");
  uint64_t bytes = 0;
  ASSERT_EQ(ithaca_ulysses_cuda_table_bytes(cuda, &bytes, &error_), 0);
  GuardedBuffer table(bytes);
  EXPECT_NE(ithaca_ulysses_cuda_upload(cuda, {table.data(), bytes - 1}, nullptr,
                                       &error_),
            0);
  ExpectSays("table.bytes is");
  EXPECT_NE(ithaca_ulysses_cuda_upload(cuda, {table.data() + 8, bytes}, nullptr,
                                       &error_),
            0);
  ExpectSays("table.data is not aligned to 16 bytes");
}

TEST_F(CudaApiErrorsTest, SaysWhatTheDriverSays) {
  const OnDevice device(group_.rank(0));
  SetDriver(1, 12080, 719);
  EXPECT_EQ(Pack(device.get(), buffer_.span()), ITHACA_ULYSSES_CUDA_ERROR);
  ExpectSays(
      "ithaca_pack_16: CUDA_ERROR_OF_THE_STAND_IN (719): as the test asked "
      "for");
  SetDriver(0, 12080, 0);
  ithaca_ulysses_cuda* cuda = nullptr;
  EXPECT_EQ(ithaca_ulysses_cuda_create(group_.rank(0), &cuda, &error_),
            ITHACA_ULYSSES_CUDA_ERROR);
  EXPECT_EQ(cuda, nullptr);
  ExpectSays("no CUDA context is current; call cudaSetDevice first");
}

}  // namespace
}  // namespace ithaca::ulysses
