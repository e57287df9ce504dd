#include "kernels/reference/attention_f64.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/reference/float_convert.h"

namespace ithaca::ulysses {
namespace {

// The tensors of a spec as doubles, with the row of one token and head at hand.
struct Problem {
  Problem(const AttentionSpec& s, const void* q_data, const void* k_data,
          const void* v_data)
      : spec(s),
        scale(s.softmax_scale != 0.0 ? s.softmax_scale
                                     : 1.0 / std::sqrt(s.head_size)),
        q(ToDoubles(s.dtype, q_data, Elements(s.q_heads.size()))),
        k(ToDoubles(s.dtype, k_data, Elements(s.kv_heads.size()))),
        v(ToDoubles(s.dtype, v_data, Elements(s.kv_heads.size()))) {}

  int64_t Elements(size_t heads) const {
    return spec.batch * spec.tokens * spec.head_size *
           static_cast<int64_t>(heads);
  }
  int64_t QRow(int64_t bi, int64_t s, int64_t h) const {
    return ElementOffset(spec, bi, s, h, spec.q_heads.size());
  }
  int64_t KvRow(int64_t bi, int64_t s, int64_t h) const {
    return ElementOffset(spec, bi, s, h, spec.kv_heads.size());
  }
  int64_t VisibleKeys(int64_t i) const {
    return spec.causal ? i + 1 : spec.valid_tokens;
  }

  double Dot(const double* a, const double* b) const {
    double sum = 0.0;
    for (int64_t c = 0; c < spec.head_size; ++c) sum += a[c] * b[c];
    return sum;
  }
  void AddScaled(double factor, const double* from, double* to) const {
    for (int64_t c = 0; c < spec.head_size; ++c) to[c] += factor * from[c];
  }

  // Softmax weights of query i of head h, over the keys that it sees.
  std::vector<double> Weights(int64_t bi, int64_t i, int32_t h) const {
    std::vector<double> p(VisibleKeys(i));
    const int32_t kv = KvIndexOf(spec, h);
    double best = -std::numeric_limits<double>::infinity();
    for (size_t j = 0; j < p.size(); ++j) {
      p[j] = scale * Dot(&q[QRow(bi, i, h)], &k[KvRow(bi, j, kv)]);
      best = std::max(best, p[j]);
    }
    double sum = 0.0;
    for (double& x : p) sum += x = std::exp(x - best);
    for (double& x : p) x /= sum;
    return p;
  }

  // out = the attention of query i of head h; adds to what is there.
  void AddOutput(const std::vector<double>& p, int64_t bi, int32_t kv,
                 double* out) const {
    for (size_t j = 0; j < p.size(); ++j)
      AddScaled(p[j], &v[KvRow(bi, j, kv)], out);
  }

  const AttentionSpec& spec;
  double scale;
  std::vector<double> q, k, v;
};

// Adds what one query of one head contributes to all three gradients.
void AddQueryGradients(const Problem& p, const std::vector<double>& grad_o,
                       int64_t bi, int64_t i, int32_t h,
                       AttentionGradients* out) {
  const int32_t kv = KvIndexOf(p.spec, h);
  const int64_t q_row = p.QRow(bi, i, h);
  const double* g = &grad_o[q_row];
  const std::vector<double> w = p.Weights(bi, i, h);
  std::vector<double> o(p.spec.head_size, 0.0);
  p.AddOutput(w, bi, kv, o.data());
  const double d = p.Dot(o.data(), g);
  for (size_t j = 0; j < w.size(); ++j) {
    const int64_t kv_row = p.KvRow(bi, j, kv);
    const double ds = p.scale * w[j] * (p.Dot(g, &p.v[kv_row]) - d);
    p.AddScaled(w[j], g, &out->dv[kv_row]);
    p.AddScaled(ds, &p.k[kv_row], &out->dq[q_row]);
    p.AddScaled(ds, &p.q[q_row], &out->dk[kv_row]);
  }
}

}  // namespace

std::vector<double> ToDoubles(int32_t dtype, const void* data, int64_t count) {
  std::vector<double> values(count);
  WithDtype(dtype, [&](auto type) {
    using T = decltype(type);
    const auto* in = static_cast<const typename T::Storage*>(data);
    for (int64_t i = 0; i < count; ++i) values[i] = T::Load(in[i]);
  });
  return values;
}

void RoundToDtype(int32_t dtype, const std::vector<double>& values, void* out) {
  WithDtype(dtype, [&](auto type) {
    using T = decltype(type);
    auto* to = static_cast<typename T::Storage*>(out);
    for (size_t i = 0; i < values.size(); ++i)
      to[i] = T::Store(static_cast<float>(values[i]));
  });
}

std::vector<double> AttentionForwardF64(const AttentionSpec& spec,
                                        const void* q, const void* k,
                                        const void* v) {
  const Problem p(spec, q, k, v);
  std::vector<double> o(p.q.size(), 0.0);
  for (int64_t bi = 0; bi < spec.batch; ++bi) {
    for (int64_t i = 0; i < spec.valid_tokens; ++i) {
      for (int32_t h = 0; h < static_cast<int32_t>(spec.q_heads.size()); ++h) {
        p.AddOutput(p.Weights(bi, i, h), bi, KvIndexOf(spec, h),
                    &o[p.QRow(bi, i, h)]);
      }
    }
  }
  return o;
}

AttentionGradients AttentionBackwardF64(const AttentionSpec& spec,
                                        const void* q, const void* k,
                                        const void* v, const void* grad_o) {
  const Problem p(spec, q, k, v);
  const std::vector<double> g = ToDoubles(spec.dtype, grad_o, p.q.size());
  AttentionGradients out;
  out.dq.assign(p.q.size(), 0.0);
  out.dk.assign(p.k.size(), 0.0);
  out.dv.assign(p.v.size(), 0.0);
  for (int64_t bi = 0; bi < spec.batch; ++bi) {
    for (int32_t h = 0; h < static_cast<int32_t>(spec.q_heads.size()); ++h) {
      for (int64_t i = 0; i < spec.valid_tokens; ++i)
        AddQueryGradients(p, g, bi, i, h, &out);
    }
  }
  return out;
}

}  // namespace ithaca::ulysses
