// The exchange over NCCL's calls and CUDA's driver, with a stand-in for both:
// what is called, in which order, over which bytes.
#include <dlfcn.h>

#include <string>

#include "kernels/comm/rank_threads_for_test.h"
#include "kernels/cuda/fat_binary.h"
#include "kernels/reference/testing/random_plan.h"

namespace ithaca::ulysses {
namespace {

template <typename Function>
Function* StandIn(const char* name) {
  void* const library = dlopen("libnccl.so.2", RTLD_NOW);
  EXPECT_NE(library, nullptr) << dlerror();
  void* const function = dlsym(library, name);
  EXPECT_NE(function, nullptr) << "a real NCCL was found";
  return reinterpret_cast<Function*>(function);
}

struct Counts {
  int all_to_alls = 0, groups = 0, windows = 0;
};

Counts CountsNow() {
  Counts counts;
  StandIn<void(int*, int*, int*)>("stand_in_counts")(
      &counts.all_to_alls, &counts.groups, &counts.windows);
  return counts;
}

class CommNcclTest : public testing::Test {
 protected:
  void SetUp() override {
    if (FatBinary().bytes == 0)
      GTEST_SKIP() << "SKIPPED: built without a CUDA toolkit";
  }

  std::vector<CommPtr> Connect(int32_t ranks, int32_t mode) {
    nccl_ = StandIn<void*(int)>("stand_in_comms")(ranks);
    std::vector<CommPtr> comms;
    for (int32_t r = 0; r < ranks; ++r) {
      ithaca_ulysses_comm* comm = nullptr;
      ithaca_ulysses_error error;
      EXPECT_EQ(ithaca_ulysses_comm_create_nccl(Nccl(r), mode, &comm, &error),
                0)
          << error.message;
      comms.emplace_back(comm);
    }
    return comms;
  }
  void* Nccl(int32_t rank) {
    return StandIn<void*(void*, int)>("stand_in_comm")(nccl_, rank);
  }

  void* nccl_ = nullptr;
};

TEST_F(CommNcclTest, ExchangesRandomPlansInEveryMode) {
  for (unsigned seed = 0; seed < 30 && !HasFailure(); ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 rng(seed);
    RandomPlanLimits limits;
    limits.quantised = seed % 3 == 0;
    const FlatPlan plan = RandomPlan(&rng, limits);
    const LocalGroup group(plan);
    const auto comms =
        Connect(plan.num_ranks(), seed % 2 ? ITHACA_ULYSSES_NCCL_AUTO
                                           : ITHACA_ULYSSES_NCCL_SEND_RECV);
    CheckAllSteps(group, comms, /*on_device=*/true, &rng);
  }
}

TEST_F(CommNcclTest, EvenPlansAreOneCall) {
  const FlatPlan plan = EvenPlan(4, 16, 8, 4, 16, ITHACA_ULYSSES_BF16);
  const LocalGroup group(plan);
  std::mt19937 rng(1);
  for (int32_t mode :
       {ITHACA_ULYSSES_NCCL_AUTO, ITHACA_ULYSSES_NCCL_ALL_TO_ALL}) {
    const Counts before = CountsNow();
    CheckAllSteps(group, Connect(4, mode), true, &rng);
    const Counts after = CountsNow();
    EXPECT_EQ(after.all_to_alls - before.all_to_alls, 4 * 4);
    EXPECT_EQ(after.groups - before.groups, 0);
  }
  const Counts before = CountsNow();
  CheckAllSteps(group, Connect(4, ITHACA_ULYSSES_NCCL_SEND_RECV), true, &rng);
  EXPECT_EQ(CountsNow().all_to_alls, before.all_to_alls);
  EXPECT_EQ(CountsNow().groups - before.groups, 4 * 4);
}

TEST_F(CommNcclTest, SaysWhatNcclSays) {
  const FlatPlan plan = EvenPlan(2, 7, 4, 2, 16, ITHACA_ULYSSES_BF16);
  const LocalGroup group(plan);
  std::mt19937 rng(1);
  const auto comms = Connect(2, ITHACA_ULYSSES_NCCL_ALL_TO_ALL);
  OnAllRanks(2, [&](int32_t r) {
    GuardedBuffer scratch = AgreeScratch(2);
    ithaca_ulysses_error error;
    EXPECT_EQ(ithaca_ulysses_comm_agree(comms[r].get(), group.rank(r),
                                        {scratch.data(), 64}, nullptr, &error),
              ITHACA_ULYSSES_INVALID_ARGUMENT);
    EXPECT_NE(std::string(error.message).find("at least 192"),
              std::string::npos)
        << error.message;
    EXPECT_EQ(ithaca_ulysses_comm_agree(comms[r].get(), group.rank(r),
                                        scratch.span(), nullptr, &error),
              0);
  });
  const int32_t step = ITHACA_ULYSSES_HEADS_TO_SEQ;
  RankTensors in = group.MakeTensors(0, step, ITHACA_ULYSSES_PACK);
  RankTensors out = group.MakeTensors(0, step, ITHACA_ULYSSES_UNPACK);
  RankStep uneven(group.rank(0), step, true);
  EXPECT_EQ(uneven.Start(comms[0].get(), in, &out), ITHACA_ULYSSES_UNSUPPORTED);
  EXPECT_NE(std::string(uneven.message()).find("differ in length"),
            std::string::npos);
  RankStep host(group.rank(0), step, false);
  EXPECT_EQ(host.Start(comms[0].get(), in, &out),
            ITHACA_ULYSSES_INVALID_ARGUMENT);
  EXPECT_NE(std::string(host.message()).find("call.cuda is NULL"),
            std::string::npos);
}

TEST_F(CommNcclTest, ReportsWhatNcclFoundMeanwhile) {
  const FlatPlan plan = EvenPlan(1, 7, 4, 2, 16, ITHACA_ULYSSES_BF16);
  const LocalGroup group(plan);
  const auto comms = Connect(1, ITHACA_ULYSSES_NCCL_AUTO);
  GuardedBuffer scratch = AgreeScratch(1);
  ASSERT_EQ(ithaca_ulysses_comm_agree(comms[0].get(), group.rank(0),
                                      scratch.span(), nullptr, nullptr),
            0);
  const int32_t step = ITHACA_ULYSSES_HEADS_TO_SEQ;
  RankTensors in = group.MakeTensors(0, step, ITHACA_ULYSSES_PACK);
  RankTensors out = group.MakeTensors(0, step, ITHACA_ULYSSES_UNPACK);
  RankStep rank(group.rank(0), step, true);
  ASSERT_EQ(rank.Start(comms[0].get(), in, &out), 0) << rank.message();
  StandIn<void(void*)>("stand_in_break")(Nccl(0));
  EXPECT_EQ(rank.Wait(), ITHACA_ULYSSES_CARRIER_FAILED);
  EXPECT_NE(std::string(rank.message())
                .find("NCCL reports: an error (6): of the stand-in"),
            std::string::npos)
      << rank.message();
}

TEST_F(CommNcclTest, RegistersWorkspacesAsWindows) {
  const auto comms = Connect(1, ITHACA_ULYSSES_NCCL_AUTO);
  const int before = CountsNow().windows;
  GuardedBuffer workspace(256);
  ithaca_ulysses_error error;
  EXPECT_EQ(
      ithaca_ulysses_comm_register(comms[0].get(), workspace.span(), &error), 0)
      << error.message;
  EXPECT_EQ(CountsNow().windows, before + 1);
}

}  // namespace
}  // namespace ithaca::ulysses
