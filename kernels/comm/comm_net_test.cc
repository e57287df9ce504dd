// The exchange over the shipped net plugin, all ranks in this process: every
// byte of random plans, chunks that overlap, plans that differ, wrong use.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <string>

#include "kernels/comm/rank_threads_for_test.h"
#include "kernels/reference/testing/random_plan.h"

namespace ithaca::ulysses {
namespace {

constexpr char kPlugin[] = "plugin/libnccl-net-ithaca.so";

// A port of the loopback that was free a moment ago.
std::string FreeAddress() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  EXPECT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
  close(fd);
  return "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
}

std::vector<CommPtr> Connect(int32_t ranks) {
  setenv("ITHACA_RAILS", "lo", 1);
  const std::string meeting = FreeAddress();
  std::vector<CommPtr> comms(ranks);
  OnAllRanks(ranks, [&](int32_t r) {
    ithaca_ulysses_net_options options = {};
    options.struct_size = sizeof(options);
    options.rank = r;
    options.num_ranks = ranks;
    options.meeting = meeting.c_str();
    options.plugin = kPlugin;
    ithaca_ulysses_comm* comm = nullptr;
    ithaca_ulysses_error error;
    EXPECT_EQ(ithaca_ulysses_comm_create_net(&options, &comm, &error), 0)
        << error.message;
    comms[r].reset(comm);
  });
  return comms;
}

// A random plan of exactly that many ranks.
FlatPlan PlanOf(int32_t ranks, std::mt19937* rng, bool quantised) {
  RandomPlanLimits limits;
  limits.max_ranks = ranks;
  limits.max_tokens = 200;
  limits.quantised = quantised;
  for (;;) {
    FlatPlan plan = RandomPlan(rng, limits);
    if (plan.num_ranks() == ranks) return plan;
  }
}

TEST(CommNetTest, ExchangesRandomPlans) {
  std::random_device seed;
  const unsigned base = seed();
  const std::vector<CommPtr> comms = Connect(3);
  for (unsigned i = 0; i < 12 && !testing::Test::HasFailure(); ++i) {
    SCOPED_TRACE(base + i);
    std::mt19937 rng(base + i);
    const FlatPlan plan = PlanOf(3, &rng, i % 3 == 0);
    const LocalGroup group(plan);
    CheckAllSteps(group, comms, /*on_device=*/false, &rng);
  }
}

// All chunks of q, k and v under way at once, then o back chunk by chunk into
// one tensor: the same as without chunks.
TEST(CommNetTest, ChunksOverlapAndAddUp) {
  constexpr int32_t kChunks = 3;
  const std::vector<CommPtr> comms = Connect(2);
  std::mt19937 rng(5);
  FlatPlan plan;
  plan.dtype = ITHACA_ULYSSES_F32;
  plan.head_size = 4;
  plan.num_q_heads = 14;
  plan.num_kv_heads = 7;
  plan.AddRank(9, 0, 0, 6);
  plan.AddRank(6, 9, 6, 8);
  const LocalGroup group(plan);
  const auto forward = RandomInputs(group, ITHACA_ULYSSES_SEQ_TO_HEADS, &rng);
  const auto back =
      RandomInputs(group, ITHACA_ULYSSES_SEQ_TO_HEADS_BACKWARD, &rng);
  const auto owned = group.Exchange(ITHACA_ULYSSES_SEQ_TO_HEADS_BACKWARD, back);
  const auto heads = group.Exchange(ITHACA_ULYSSES_SEQ_TO_HEADS, forward);
  // Heads alone come back as they went.
  OnAllRanks(2, [&](int32_t r) {
    GuardedBuffer scratch = AgreeScratch(2);
    ithaca_ulysses_error error;
    std::vector<ExchangePtr> chunks;
    std::vector<std::unique_ptr<RankStep>> steps;
    std::vector<RankTensors> outputs(kChunks);
    for (int32_t c = 0; c < kChunks; ++c) {
      ithaca_ulysses_exchange* chunk = nullptr;
      ASSERT_EQ(ithaca_ulysses_create_chunk(group.rank(r), c, kChunks, &chunk,
                                            &error),
                0)
          << error.message;
      chunks.emplace_back(chunk);
      ASSERT_EQ(ithaca_ulysses_comm_agree(comms[r].get(), chunk, scratch.span(),
                                          nullptr, &error),
                0)
          << error.message;
      for (int32_t t = 0; t < 3; ++t) {
        uint64_t bytes = 0;
        ASSERT_EQ(ithaca_ulysses_tensor(chunk, ITHACA_ULYSSES_SEQ_TO_HEADS,
                                        ITHACA_ULYSSES_UNPACK, t, nullptr,
                                        &bytes, &error),
                  0);
        outputs[c].emplace_back(bytes);
      }
      steps.push_back(std::make_unique<RankStep>(
          chunk, ITHACA_ULYSSES_SEQ_TO_HEADS, false));
      ASSERT_EQ(steps[c]->Start(comms[r].get(), forward[r], &outputs[c]), 0)
          << steps[c]->message();
    }
    // The chunks' heads one behind the other, token by token, are all heads.
    uint64_t bytes = 0;
    for (int32_t c = 0; c < kChunks; ++c) {
      ASSERT_EQ(steps[c]->Wait(), 0) << steps[c]->message();
      for (const GuardedBuffer& t : outputs[c]) bytes += t.bytes();
    }
    uint64_t whole = 0;
    for (int t = 0; t < 3; ++t) {
      whole += heads[r][t].bytes();
      std::vector<char> joined;
      for (int64_t token = 0; token < 15; ++token) {
        for (int32_t c = 0; c < kChunks; ++c) {
          const std::vector<char> part = outputs[c][t].Copy();
          const size_t row = part.size() / 15;
          joined.insert(joined.end(), part.begin() + token * row,
                        part.begin() + (token + 1) * row);
        }
      }
      EXPECT_EQ(joined, heads[r][t].Copy()) << "tensor " << t;
    }
    EXPECT_EQ(bytes, whole);
    // Gradients: each chunk writes its heads of dq, dk and dv and no other.
    RankTensors gradients = group.MakeTensors(
        r, ITHACA_ULYSSES_SEQ_TO_HEADS_BACKWARD, ITHACA_ULYSSES_UNPACK);
    int64_t first[3] = {0, 0, 0};
    const int64_t all[3] = {plan.q_head_count[r],
                            plan.kv_offsets[r + 1] - plan.kv_offsets[r],
                            plan.kv_offsets[r + 1] - plan.kv_offsets[r]};
    for (int32_t c = 0; c < kChunks; ++c) {
      RankTensors inputs;
      for (int t = 0; t < 3; ++t) {
        int64_t shape[4];
        uint64_t size = 0;
        ASSERT_EQ(ithaca_ulysses_tensor(
                      chunks[c].get(), ITHACA_ULYSSES_SEQ_TO_HEADS_BACKWARD,
                      ITHACA_ULYSSES_PACK, t, shape, &size, &error),
                  0);
        inputs.emplace_back(size);
        const std::vector<char> from = back[r][t].Copy();
        const size_t head = 4 * sizeof(float), row = shape[2] * head;
        for (int64_t token = 0; token < 15; ++token) {
          std::copy_n(&from[(token * all[t] + first[t]) * head], row,
                      inputs[t].data() + token * row);
        }
        first[t] += shape[2];
      }
      RankStep step(chunks[c].get(), ITHACA_ULYSSES_SEQ_TO_HEADS_BACKWARD,
                    false);
      ASSERT_EQ(step.Start(comms[r].get(), inputs, &gradients), 0)
          << step.message();
      ASSERT_EQ(step.Wait(), 0) << step.message();
    }
    ExpectEqual(gradients, owned[r], r);
  });
}

TEST(CommNetTest, ChunksKeepSharedKvHeadsTogether) {
  FlatPlan plan;
  plan.head_size = 4;
  plan.num_q_heads = 14;
  plan.num_kv_heads = 7;
  plan.AddRank(9, 0, 0, 5);  // half of KV head 2 is the other rank's
  plan.AddRank(6, 9, 5, 9);
  const LocalGroup group(plan);
  ithaca_ulysses_exchange* chunk = nullptr;
  ithaca_ulysses_error error;
  EXPECT_EQ(ithaca_ulysses_create_chunk(group.rank(0), 0, 3, &chunk, &error),
            ITHACA_ULYSSES_UNSUPPORTED);
  EXPECT_EQ(chunk, nullptr);
  EXPECT_STREQ(error.message,
               "KV head 2 would be in chunk 2 of rank 0 and in chunk 0 of rank "
               "1; use fewer chunks, or none");
  EXPECT_EQ(ithaca_ulysses_create_chunk(group.rank(0), 3, 3, &chunk, &error),
            ITHACA_ULYSSES_INVALID_ARGUMENT);
  // One KV head on every rank: all in the last chunk.
  const FlatPlan shared = EvenPlan(2, 8, 4, 1, 4, ITHACA_ULYSSES_F32);
  const LocalGroup both(shared);
  ASSERT_EQ(ithaca_ulysses_create_chunk(both.rank(1), 1, 2, &chunk, &error), 0)
      << error.message;
  const ExchangePtr owner(chunk);
  uint64_t bytes = 0;
  EXPECT_EQ(
      ithaca_ulysses_tensor(chunk, ITHACA_ULYSSES_HEADS_TO_SEQ,
                            ITHACA_ULYSSES_PACK, 0, nullptr, &bytes, &error),
      0);
  EXPECT_EQ(bytes, 8u * 2 * 4 * 4);
}

TEST(CommNetTest, NamesTheRankWhosePlanDiffers) {
  const std::vector<CommPtr> comms = Connect(3);
  const FlatPlan plan = EvenPlan(3, 12, 6, 3, 8, ITHACA_ULYSSES_BF16);
  FlatPlan other = plan;
  other.plan_hash = "other";
  const LocalGroup group(plan), odd(other);
  OnAllRanks(3, [&](int32_t r) {
    GuardedBuffer scratch = AgreeScratch(3);
    ithaca_ulysses_error error;
    const auto* exchange = (r == 2 ? odd : group).rank(r);
    EXPECT_EQ(ithaca_ulysses_comm_agree(comms[r].get(), exchange,
                                        scratch.span(), nullptr, &error),
              ITHACA_ULYSSES_INVALID_PLAN);
    EXPECT_NE(std::string(error.message)
                  .find("rank 2 has another plan than rank 0; this is rank " +
                        std::to_string(r)),
              std::string::npos)
        << error.message;
  });
}

TEST(CommNetTest, RefusesWrongUseBeforeAnythingIsSent) {
  const std::vector<CommPtr> comms = Connect(2);
  const FlatPlan plan = EvenPlan(2, 8, 4, 2, 8, ITHACA_ULYSSES_BF16);
  const LocalGroup group(plan);
  const FlatPlan larger = EvenPlan(3, 8, 6, 3, 8, ITHACA_ULYSSES_BF16);
  const LocalGroup another(larger);
  const int32_t step = ITHACA_ULYSSES_HEADS_TO_SEQ;
  const auto says = [](RankStep* rank, const char* words) {
    EXPECT_NE(std::string(rank->message()).find(words), std::string::npos)
        << rank->message();
  };
  RankTensors in = group.MakeTensors(0, step, ITHACA_ULYSSES_PACK);
  RankTensors out = group.MakeTensors(0, step, ITHACA_ULYSSES_UNPACK);
  RankStep rank(group.rank(0), step, false);
  EXPECT_EQ(rank.Start(comms[0].get(), in, &out),
            ITHACA_ULYSSES_INVALID_ARGUMENT);
  says(&rank, "have not agreed upon plan");
  RankStep stranger(another.rank(0), step, false);
  EXPECT_EQ(stranger.Start(comms[0].get(), in, &out),
            ITHACA_ULYSSES_INVALID_ARGUMENT);
  says(&stranger, "rank 0 of 3, the communicator rank 0 of 2");
  RankStep misplaced(group.rank(1), step, false);
  EXPECT_EQ(misplaced.Start(comms[0].get(), in, &out),
            ITHACA_ULYSSES_INVALID_ARGUMENT);
  says(&misplaced, "it belongs to another group");
  std::mt19937 rng(1);
  CheckAllSteps(group, comms, false, &rng);  // agrees
  RankTensors fewer = group.MakeTensors(0, step, ITHACA_ULYSSES_UNPACK);
  fewer[0] = GuardedBuffer(2);
  EXPECT_EQ(rank.Start(comms[0].get(), in, &fewer),
            ITHACA_ULYSSES_INVALID_ARGUMENT);
  says(&rank, "tensors[0].bytes is 2, expected");
  CheckAllSteps(group, comms, false, &rng);  // and nothing was sent
}

TEST(CommNetTest, MeetingFailsInTimeAndSaysWhoIsMissing) {
  const std::string meeting = FreeAddress();
  ithaca_ulysses_net_options options = {};
  options.struct_size = sizeof(options);
  options.num_ranks = 3;
  options.timeout_ms = 200;
  options.meeting = meeting.c_str();
  options.plugin = kPlugin;
  ithaca_ulysses_comm* comm = nullptr;
  ithaca_ulysses_error error;
  EXPECT_EQ(ithaca_ulysses_comm_create_net(&options, &comm, &error),
            ITHACA_ULYSSES_CARRIER_FAILED);
  EXPECT_EQ(comm, nullptr);
  EXPECT_NE(std::string(error.message).find("ranks 1 and 2"), std::string::npos)
      << error.message;
  options.plugin = "/nowhere/libnet.so";
  EXPECT_EQ(ithaca_ulysses_comm_create_net(&options, &comm, &error),
            ITHACA_ULYSSES_CARRIER_FAILED);
  EXPECT_NE(std::string(error.message).find("/nowhere/libnet.so"),
            std::string::npos)
      << error.message;
  options.rank = 3;
  EXPECT_EQ(ithaca_ulysses_comm_create_net(&options, &comm, &error),
            ITHACA_ULYSSES_INVALID_ARGUMENT);
}

}  // namespace
}  // namespace ithaca::ulysses
