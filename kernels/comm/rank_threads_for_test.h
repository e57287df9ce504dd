// All ranks of a plan as threads of one process, each with a communicator of
// its own: a step through ithaca_ulysses_start and wait against LocalGroup.
//
// Used by the tests of kernels/comm. Reports failures through GoogleTest.
#ifndef ITHACA_KERNELS_COMM_RANK_THREADS_FOR_TEST_H_
#define ITHACA_KERNELS_COMM_RANK_THREADS_FOR_TEST_H_

#include <functional>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "kernels/api/ithaca_ulysses_comm.h"
#include "kernels/reference/testing/local_group.h"
#include "kernels/reference/testing/slice.h"

namespace ithaca::ulysses {

struct DestroyComm {
  void operator()(ithaca_ulysses_comm* c) const {
    ithaca_ulysses_comm_destroy(c);
  }
};
using CommPtr = std::unique_ptr<ithaca_ulysses_comm, DestroyComm>;
struct DestroyCuda {
  void operator()(ithaca_ulysses_cuda* c) const {
    ithaca_ulysses_cuda_destroy(c);
  }
};
using CudaPtr = std::unique_ptr<ithaca_ulysses_cuda, DestroyCuda>;

// Runs work(rank) on a thread for each rank and joins them.
inline void OnAllRanks(int32_t ranks,
                       const std::function<void(int32_t)>& work) {
  std::vector<std::thread> threads;
  for (int32_t r = 0; r < ranks; ++r) threads.emplace_back(work, r);
  for (std::thread& t : threads) t.join();
}

// 64 * (P + 1) bytes for agree.
inline GuardedBuffer AgreeScratch(int32_t ranks) {
  return GuardedBuffer(64 * (static_cast<uint64_t>(ranks) + 1));
}

// What one rank of a step works on.
class RankStep {
 public:
  // `on_device`: through a CUDA object, whose driver is the stand-in.
  RankStep(const ithaca_ulysses_exchange* exchange, int32_t step,
           bool on_device)
      : exchange_(exchange), step_(step) {
    uint64_t bytes = 0;
    EXPECT_EQ(
        ithaca_ulysses_comm_workspace_bytes(exchange, step, &bytes, &error_),
        0);
    workspace_ = GuardedBuffer(bytes);
    if (!on_device) return;
    ithaca_ulysses_cuda* cuda = nullptr;
    EXPECT_EQ(ithaca_ulysses_cuda_create(exchange, &cuda, &error_), 0)
        << error_.message;
    cuda_.reset(cuda);
    EXPECT_EQ(ithaca_ulysses_cuda_table_bytes(cuda, &bytes, &error_), 0);
    table_ = GuardedBuffer(bytes);
    EXPECT_EQ(ithaca_ulysses_cuda_upload(cuda, table_.span(), nullptr, &error_),
              0);
  }

  // The memory of both must outlive Wait.
  int32_t Start(ithaca_ulysses_comm* comm, const RankTensors& inputs,
                RankTensors* outputs) {
    inputs_.clear();
    outputs_.clear();
    for (const GuardedBuffer& t : inputs) inputs_.push_back(t.const_span());
    for (GuardedBuffer& t : *outputs) outputs_.push_back(t.span());
    ithaca_ulysses_call call = {};
    call.struct_size = sizeof(call);
    call.step = step_;
    call.exchange = exchange_;
    call.cuda = cuda_.get();
    call.inputs = inputs_.data();
    call.outputs = outputs_.data();
    call.num_inputs = static_cast<int32_t>(inputs_.size());
    call.num_outputs = static_cast<int32_t>(outputs_.size());
    call.workspace = workspace_.span();
    return ithaca_ulysses_start(comm, &call, &operation_, &error_);
  }
  int32_t Wait() {
    const int32_t code = ithaca_ulysses_wait(operation_, &error_);
    EXPECT_TRUE(workspace_.GuardsIntact());
    return code;
  }
  const char* message() const { return error_.message; }

 private:
  const ithaca_ulysses_exchange* const exchange_;
  const int32_t step_;
  CudaPtr cuda_;
  GuardedBuffer table_;
  GuardedBuffer workspace_;
  std::vector<ithaca_ulysses_const_span> inputs_;
  std::vector<ithaca_ulysses_span> outputs_;
  ithaca_ulysses_operation* operation_ = nullptr;
  ithaca_ulysses_error error_ = {};
};

// Rounded normal variates in every input of a step.
inline std::vector<RankTensors> RandomInputs(const LocalGroup& group,
                                             int32_t step, std::mt19937* rng) {
  std::vector<RankTensors> inputs;
  for (int32_t r = 0; r < group.num_ranks(); ++r) {
    inputs.push_back(group.MakeTensors(r, step, ITHACA_ULYSSES_PACK));
    for (GuardedBuffer& t : inputs.back()) {
      WholeTensor flat;
      flat.data.resize(t.bytes());
      FillWithNormals(rng, group.plan().dtype, &flat);
      std::copy(flat.data.begin(), flat.data.end(), t.data());
    }
  }
  return inputs;
}

inline void ExpectEqual(const RankTensors& got, const RankTensors& expected,
                        int32_t rank) {
  for (size_t t = 0; t < expected.size(); ++t) {
    EXPECT_TRUE(got[t].GuardsIntact());
    EXPECT_EQ(got[t].Copy(), expected[t].Copy())
        << "rank " << rank << " tensor " << t;
  }
}

// Every step of the group's plan, agreed upon first, by all ranks at once.
inline void CheckAllSteps(const LocalGroup& group,
                          const std::vector<CommPtr>& comms, bool on_device,
                          std::mt19937* rng) {
  OnAllRanks(group.num_ranks(), [&](int32_t r) {
    GuardedBuffer scratch = AgreeScratch(group.num_ranks());
    ithaca_ulysses_error error;
    EXPECT_EQ(ithaca_ulysses_comm_agree(comms[r].get(), group.rank(r),
                                        scratch.span(), nullptr, &error),
              0)
        << error.message;
  });
  for (int32_t step = 1; step <= 4; ++step) {
    const std::vector<RankTensors> inputs = RandomInputs(group, step, rng);
    const std::vector<RankTensors> expected = group.Exchange(step, inputs);
    OnAllRanks(group.num_ranks(), [&](int32_t r) {
      RankTensors outputs = group.MakeTensors(r, step, ITHACA_ULYSSES_UNPACK);
      RankStep rank(group.rank(r), step, on_device);
      ASSERT_EQ(rank.Start(comms[r].get(), inputs[r], &outputs), 0)
          << rank.message();
      ASSERT_EQ(rank.Wait(), 0) << rank.message();
      ExpectEqual(outputs, expected[r], r);
    });
  }
}

}  // namespace ithaca::ulysses

#endif  // ITHACA_KERNELS_COMM_RANK_THREADS_FOR_TEST_H_
