// The whole of Ulysses attention on all ranks of random plans in one process,
// against the same attention without ranks: forward bit for bit, backward
// within the rounding of what was exchanged.
#include <cmath>
#include <random>

#include "gtest/gtest.h"
#include "kernels/reference/attention.h"
#include "kernels/reference/attention_f64.h"
#include "kernels/reference/testing/local_group.h"
#include "kernels/reference/testing/random_plan.h"
#include "kernels/reference/testing/slice.h"

namespace ithaca::ulysses {
namespace {

AttentionSpec WholeSpec(const FlatPlan& plan, std::mt19937* rng) {
  AttentionSpec spec;
  spec.dtype = plan.dtype;
  // Attention sees a packed tensor as a batch of one.
  spec.layout = plan.layout == ITHACA_ULYSSES_PACKED
                    ? ITHACA_ULYSSES_BATCH_FIRST
                    : plan.layout;
  spec.batch = plan.batch;
  spec.tokens = TotalTokens(plan);
  spec.valid_tokens =
      spec.tokens - (*rng)() % std::min<int64_t>(spec.tokens, 4);
  spec.head_size = plan.head_size;
  spec.num_q_heads = plan.num_q_heads;
  spec.num_kv_heads = plan.num_kv_heads;
  spec.causal = (*rng)() % 2 == 0;
  spec.UseAllHeads();
  return spec;
}

AttentionSpec RankSpec(const AttentionSpec& whole, const FlatPlan& plan,
                       int32_t r) {
  AttentionSpec spec = whole;
  spec.q_heads.clear();
  for (int32_t i = 0; i < plan.q_head_count[r]; ++i) {
    spec.q_heads.push_back(plan.q_head_start[r] + i);
  }
  spec.kv_heads.assign(plan.kv_heads.begin() + plan.kv_offsets[r],
                       plan.kv_heads.begin() + plan.kv_offsets[r + 1]);
  return spec;
}

// A model's tensors and the group that shares them out.
struct Job {
  explicit Job(unsigned seed, const RandomPlanLimits& limits)
      : rng(seed),
        plan(RandomPlan(&rng, limits)),
        group(plan),
        spec(WholeSpec(plan, &rng)) {
    for (WholeTensor* t : {&q, &k, &v, &grad_o}) {
      const bool kv = t == &k || t == &v;
      *t = MakeWhole(plan, spec.tokens,
                     kv ? plan.num_kv_heads : plan.num_q_heads);
      FillWithNormals(&rng, plan.dtype, t);
    }
  }

  // Every rank's tokens of those tensors, as input of a step.
  std::vector<RankTensors> Scatter(
      int32_t step, const std::vector<const WholeTensor*>& wholes) {
    std::vector<RankTensors> all;
    for (int32_t r = 0; r < plan.num_ranks(); ++r) {
      all.push_back(group.MakeTensors(r, step, ITHACA_ULYSSES_PACK));
      for (size_t i = 0; i < wholes.size(); ++i) {
        const WholeTensor part = Slice(*wholes[i], PositionsOf(plan, r), 0,
                                       wholes[i]->heads, plan.layout);
        std::copy(part.data.begin(), part.data.end(), all[r][i].data());
      }
    }
    return all;
  }

  // The reverse for tensor `index` of a step's outputs.
  WholeTensor Gather(const std::vector<RankTensors>& ranks, size_t index,
                     const WholeTensor& like) {
    WholeTensor whole = like;
    std::fill(whole.data.begin(), whole.data.end(), '\xFF');
    for (int32_t r = 0; r < plan.num_ranks(); ++r) {
      WholeTensor part =
          Slice(like, 0, plan.rank_rows[r], 0, like.heads, plan.layout);
      part.data = ranks[r][index].Copy();
      Put(part, PositionsOf(plan, r), 0, &whole);
    }
    return whole;
  }

  std::mt19937 rng;
  FlatPlan plan;
  LocalGroup group;
  AttentionSpec spec;
  WholeTensor q, k, v, grad_o;
};

WholeTensor DistributedForward(Job* job) {
  const auto heads = job->group.Exchange(
      ITHACA_ULYSSES_SEQ_TO_HEADS,
      job->Scatter(ITHACA_ULYSSES_SEQ_TO_HEADS, {&job->q, &job->k, &job->v}));
  std::vector<RankTensors> outputs;
  for (int32_t r = 0; r < job->plan.num_ranks(); ++r) {
    const AttentionSpec spec = RankSpec(job->spec, job->plan, r);
    outputs.push_back(job->group.MakeTensors(r, ITHACA_ULYSSES_HEADS_TO_SEQ,
                                             ITHACA_ULYSSES_PACK));
    ithaca_ulysses_error error;
    EXPECT_EQ(
        AttentionForward(spec, heads[r][0].data(), heads[r][1].data(),
                         heads[r][2].data(), outputs[r][0].data(), &error),
        0)
        << error.message;
    EXPECT_TRUE(outputs[r][0].GuardsIntact());
  }
  return job->Gather(job->group.Exchange(ITHACA_ULYSSES_HEADS_TO_SEQ, outputs),
                     0, job->q);
}

TEST(EndToEndTest, ForwardEqualsOneProcessBitForBit) {
  RandomPlanLimits limits;
  limits.max_tokens = 150;
  limits.max_head_size = 40;
  for (unsigned seed = 0; seed < 150; ++seed) {
    SCOPED_TRACE(seed);
    Job job(seed, limits);
    std::vector<char> expected(job.q.data.size(), '\x55');
    ithaca_ulysses_error error;
    ASSERT_EQ(AttentionForward(job.spec, job.q.data.data(), job.k.data.data(),
                               job.v.data.data(), expected.data(), &error),
              0)
        << error.message;
    ASSERT_EQ(DistributedForward(&job).data, expected);
  }
}

// dq, dk, dv of all ranks through the exchange, and in each element of dk and
// dv the sum of the magnitudes that the ranks sent.
struct Gradients {
  WholeTensor d[3];
  std::vector<double> sent[3];
};

void AddSent(Job* job, int32_t r, int i, const WholeTensor& like,
             const GuardedBuffer& local, std::vector<double>* sent) {
  const int64_t first = i == 0 ? job->plan.q_head_start[r]
                        : job->plan.kv_offsets[r] == job->plan.kv_offsets[r + 1]
                            ? 0
                            : job->plan.kv_heads[job->plan.kv_offsets[r]];
  const AttentionSpec spec = RankSpec(job->spec, job->plan, r);
  const auto heads =
      static_cast<int64_t>(i == 0 ? spec.q_heads.size() : spec.kv_heads.size());
  const std::vector<double> x =
      ToDoubles(spec.dtype, local.data(), local.bytes() / like.element_bytes);
  for (int64_t bi = 0; bi < like.batch; ++bi) {
    for (int64_t s = 0; s < like.tokens; ++s) {
      for (int64_t c = 0; c < heads * like.head_size; ++c) {
        (*sent)[like.Offset(bi, s, first) / like.element_bytes + c] +=
            std::fabs(x[ElementOffset(spec, bi, s, 0, heads) + c]);
      }
    }
  }
}

Gradients DistributedBackward(Job* job) {
  const int32_t step = ITHACA_ULYSSES_SEQ_TO_HEADS_BACKWARD;
  const auto heads = job->group.Exchange(
      ITHACA_ULYSSES_SEQ_TO_HEADS,
      job->Scatter(ITHACA_ULYSSES_SEQ_TO_HEADS, {&job->q, &job->k, &job->v}));
  const auto grad_o = job->group.Exchange(
      ITHACA_ULYSSES_HEADS_TO_SEQ_BACKWARD,
      job->Scatter(ITHACA_ULYSSES_HEADS_TO_SEQ_BACKWARD, {&job->grad_o}));
  Gradients result;
  const WholeTensor* like[] = {&job->q, &job->k, &job->v};
  for (int i = 0; i < 3; ++i) {
    result.sent[i].assign(like[i]->data.size() / like[i]->element_bytes, 0.0);
  }
  std::vector<RankTensors> local;
  for (int32_t r = 0; r < job->plan.num_ranks(); ++r) {
    const AttentionGradients g = AttentionBackwardF64(
        RankSpec(job->spec, job->plan, r), heads[r][0].data(),
        heads[r][1].data(), heads[r][2].data(), grad_o[r][0].data());
    local.push_back(job->group.MakeTensors(r, step, ITHACA_ULYSSES_PACK));
    const std::vector<double>* d[] = {&g.dq, &g.dk, &g.dv};
    for (int i = 0; i < 3; ++i) {
      RoundToDtype(job->plan.dtype, *d[i], local[r][i].data());
      AddSent(job, r, i, *like[i], local[r][i], &result.sent[i]);
    }
  }
  const auto owned = job->group.Exchange(step, local);
  for (int i = 0; i < 3; ++i) result.d[i] = job->Gather(owned, i, *like[i]);
  return result;
}

TEST(EndToEndTest, BackwardEqualsOneProcessWithinRounding) {
  RandomPlanLimits limits;
  limits.max_head_size = 8;
  limits.max_batch = 2;
  limits.max_group = 8;
  for (unsigned seed = 0; seed < 80; ++seed) {
    SCOPED_TRACE(seed);
    Job job(seed, limits);
    const Gradients got = DistributedBackward(&job);
    const AttentionGradients exact =
        AttentionBackwardF64(job.spec, job.q.data.data(), job.k.data.data(),
                             job.v.data.data(), job.grad_o.data.data());
    const std::vector<double>* expected[] = {&exact.dq, &exact.dk, &exact.dv};
    // 2^-p with p bits of significand; the smallest step where numbers get
    // denormal.
    const int32_t dtype = job.plan.dtype;
    const double unit = std::ldexp(1.0, dtype == ITHACA_ULYSSES_F32    ? -24
                                        : dtype == ITHACA_ULYSSES_BF16 ? -8
                                                                       : -11);
    const double tiny =
        dtype == ITHACA_ULYSSES_F16 ? std::ldexp(1.0, -24) : 1e-37;
    for (int i = 0; i < 3; ++i) {
      const std::vector<double> d =
          ToDoubles(dtype, got.d[i].data.data(), expected[i]->size());
      for (size_t e = 0; e < d.size(); ++e) {
        // Each rank rounds what it sends, the owner rounds the sum; fp32 adds
        // 2^-24 per addition, and rounding through float another.
        const double sent = got.sent[i][e];
        const double bound = 1.02 * (unit * (sent + std::fabs(d[e])) +
                                     std::ldexp(10.0, -24) * sent) +
                             9 * tiny;
        ASSERT_NEAR(d[e], (*expected[i])[e], bound)
            << "tensor " << i << " element " << e;
      }
    }
  }
}

}  // namespace
}  // namespace ithaca::ulysses
