// Pack and unpack of one rank on one core against memcpy of the same bytes.
//
// Each line times the two alternately in one run, so that both see the same
// machine, and prints GB/s of payload (bytes moved once, not read plus
// written), memcpy's, and the ratio of the two best times. memcpy copies the
// tensors to buffers of the messages' total size, one call per message. Every
// buffer has been touched before.
#include <benchmark/benchmark.h>
#include <time.h>

#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include "kernels/api/ithaca_ulysses.h"
#include "kernels/reference/testing/random_plan.h"

namespace ithaca::ulysses {
namespace {

// CPU time of this thread, which other work on the machine disturbs least.
double Seconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) +
         1e-9 * static_cast<double>(now.tv_nsec);
}

// The memory of one rank and one step, both sides.
class Fixture {
 public:
  Fixture(const FlatPlan& plan, int32_t step) : step_(step) {
    const ithaca_ulysses_plan view = plan.View(1);
    failed_ = ithaca_ulysses_create(&view, &exchange_, &error_) != 0;
    if (failed_) return;
    for (int32_t t = 0; t < ithaca_ulysses_num_tensors(step); ++t) {
      for (int32_t side : {ITHACA_ULYSSES_PACK, ITHACA_ULYSSES_UNPACK}) {
        uint64_t bytes = 0;
        ithaca_ulysses_tensor(exchange_, step, side, t, nullptr, &bytes,
                              nullptr);
        Add(side == ITHACA_ULYSSES_PACK ? &pack_tensors_ : &unpack_tensors_,
            bytes);
      }
    }
    for (int32_t peer = 0; peer < plan.num_ranks(); ++peer) {
      uint64_t send = 0, recv = 0;
      ithaca_ulysses_message_bytes(exchange_, step, peer, &send, &recv,
                                   nullptr);
      Add(&sent_, send);
      Add(&received_, recv);
    }
  }
  ~Fixture() { ithaca_ulysses_destroy(exchange_); }

  const char* Failure() const { return failed_ ? error_.message : nullptr; }

  bool Pack() {
    const auto in = Const(pack_tensors_);
    return ithaca_ulysses_pack(
               exchange_, step_, in.data(), static_cast<int32_t>(in.size()),
               sent_.data(), static_cast<int32_t>(sent_.size()), &error_) == 0;
  }
  bool Unpack() {
    const auto in = Const(received_);
    return ithaca_ulysses_unpack(
               exchange_, step_, in.data(), static_cast<int32_t>(in.size()),
               unpack_tensors_.data(),
               static_cast<int32_t>(unpack_tensors_.size()), &error_) == 0;
  }

  // memcpy between the messages of a direction and as many bytes of other
  // memory.
  void Memcpy(bool pack) {
    const auto& messages = pack ? sent_ : received_;
    if (other_.empty()) other_.resize(Bytes(pack), 1);
    char* other = other_.data();
    for (const ithaca_ulysses_span& m : messages) {
      if (m.bytes > 0)
        memcpy(pack ? m.data : other, pack ? other : m.data, m.bytes);
      other += m.bytes;
    }
    benchmark::ClobberMemory();
  }
  uint64_t Bytes(bool pack) const {
    uint64_t total = 0;
    for (const ithaca_ulysses_span& m : pack ? sent_ : received_)
      total += m.bytes;
    return total;
  }

 private:
  void Add(std::vector<ithaca_ulysses_span>* spans, uint64_t bytes) {
    memory_.emplace_back(bytes, 1);
    spans->push_back({memory_.back().data(), bytes});
  }
  static std::vector<ithaca_ulysses_const_span> Const(
      const std::vector<ithaca_ulysses_span>& in) {
    std::vector<ithaca_ulysses_const_span> out;
    for (const auto& s : in) out.push_back({s.data, s.bytes});
    return out;
  }

  const int32_t step_;
  bool failed_ = false;
  ithaca_ulysses_error error_ = {};
  ithaca_ulysses_exchange* exchange_ = nullptr;
  std::vector<std::vector<char>> memory_;
  std::vector<char> other_;
  std::vector<ithaca_ulysses_span> pack_tensors_, unpack_tensors_, sent_,
      received_;
};

void Measure(benchmark::State& state, const FlatPlan& plan, int32_t step,
             bool pack) {
  Fixture fixture(plan, step);
  if (fixture.Failure() != nullptr)
    return state.SkipWithError(fixture.Failure());
  double best = std::numeric_limits<double>::infinity(), best_memcpy = best;
  for (auto _ : state) {
    const double start = Seconds();
    const bool done = pack ? fixture.Pack() : fixture.Unpack();
    const double seconds = Seconds() - start;
    state.SetIterationTime(seconds);
    if (!done) return state.SkipWithError("pack or unpack failed");
    const double copy_start = Seconds();
    fixture.Memcpy(pack);
    best_memcpy = std::min(best_memcpy, Seconds() - copy_start);
    best = std::min(best, seconds);
  }
  const double gigabytes = 1e-9 * static_cast<double>(fixture.Bytes(pack));
  state.counters["GB/s"] = gigabytes / best;
  state.counters["memcpy_GB/s"] = gigabytes / best_memcpy;
  state.counters["of_memcpy"] = best_memcpy / best;
  state.counters["MiB"] = static_cast<double>(fixture.Bytes(pack)) / (1 << 20);
}

struct Model {
  const char* name;
  int32_t ranks, q_heads, kv_heads, head_size;
};
// Llama-3.1-8B; Qwen2.5-7B, whose KV heads are each on two ranks; heads of
// their own.
constexpr Model kModels[] = {
    {"llama-3.1-8b/4", 4, 32, 8, 128},
    {"qwen2.5-7b/8", 8, 28, 4, 128},
    {"mha-64/8", 8, 16, 16, 64},
};
constexpr const char* kSteps[] = {"", "seq_to_heads", "heads_to_seq",
                                  "seq_to_heads_backward",
                                  "heads_to_seq_backward"};

void RegisterAll() {
  for (const Model& m : kModels) {
    for (int64_t tokens : {4096, 16384}) {
      for (int32_t layout :
           {ITHACA_ULYSSES_BATCH_FIRST, ITHACA_ULYSSES_SEQUENCE_FIRST}) {
        for (int32_t step = 1; step <= 4; ++step) {
          for (bool pack : {true, false}) {
            FlatPlan plan = EvenPlan(m.ranks, tokens, m.q_heads, m.kv_heads,
                                     m.head_size, ITHACA_ULYSSES_BF16);
            plan.layout = layout;
            plan.batch = 2;
            const std::string name =
                std::string(m.name) + "/" + std::to_string(tokens) +
                (layout == ITHACA_ULYSSES_BATCH_FIRST ? "/b_first/"
                                                      : "/s_first/") +
                kSteps[step] + (pack ? "/pack" : "/unpack");
            benchmark::RegisterBenchmark(name.c_str(), Measure, plan, step,
                                         pack)
                ->UseManualTime()
                ->Unit(benchmark::kMillisecond);
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace ithaca::ulysses

int main(int argc, char** argv) {
  ithaca::ulysses::RegisterAll();
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
