#include "tests/e2e/demo_attention.h"

#include <memory>
#include <numeric>

#include "kernels/api/ithaca_ulysses.h"
#include "plugin/core/clock.h"

namespace ithaca::e2e {
namespace {

Status Check(int32_t status, const ithaca_ulysses_error& error) {
  if (status == ITHACA_ULYSSES_OK) return Status();
  return Errorf(Code::kInvalidArgument, "ithaca_ulysses: %s: %s",
                ithaca_ulysses_status_name(status), error.message);
}

double SecondsSince(int64_t start_ns) {
  return (MonotonicClock().NowNs() - start_ns) * 1e-9;
}

// An exchange of one rank, and its messages in one buffer per direction.
class Exchange {
 public:
  static StatusOr<std::unique_ptr<Exchange>> Create(
      const ulysses::FlatPlan& plan, int rank) {
    std::unique_ptr<Exchange> exchange(new Exchange(plan.num_ranks(), rank));
    const ithaca_ulysses_plan view = plan.View(rank);
    ithaca_ulysses_error error;
    ITHACA_RETURN_IF_ERROR(Check(
        ithaca_ulysses_create(&view, &exchange->exchange_, &error), error));
    return exchange;
  }
  ~Exchange() { ithaca_ulysses_destroy(exchange_); }

  // Packs `inputs`, moves the messages, unpacks into *outputs.
  Status Run(ithaca_ulysses_step step,
             const std::vector<const std::vector<char>*>& inputs,
             const LayerOptions& options, driver::Communicator* comm,
             std::vector<std::vector<char>>* outputs, LayerResult* result) {
    ITHACA_RETURN_IF_ERROR(Measure(step));
    int64_t start_ns = MonotonicClock().NowNs();
    ITHACA_RETURN_IF_ERROR(Pack(step, inputs));
    result->pack_seconds += SecondsSince(start_ns);

    if (options.barrier) ITHACA_RETURN_IF_ERROR(options.barrier());
    start_ns = MonotonicClock().NowNs();
    ITHACA_RETURN_IF_ERROR(Move(options, comm));
    result->exchange_seconds += SecondsSince(start_ns);

    start_ns = MonotonicClock().NowNs();
    ITHACA_RETURN_IF_ERROR(Unpack(step, outputs));
    result->pack_seconds += SecondsSince(start_ns);
    return Status();
  }

 private:
  Exchange(int ranks, int rank) : ranks_(ranks), rank_(rank) {}

  Status Measure(ithaca_ulysses_step step) {
    ithaca_ulysses_error error;
    send_.assign(ranks_, {});
    recv_.assign(ranks_, {});
    for (int peer = 0; peer < ranks_; ++peer) {
      uint64_t send_bytes, recv_bytes;
      ITHACA_RETURN_IF_ERROR(
          Check(ithaca_ulysses_message_bytes(exchange_, step, peer, &send_bytes,
                                             &recv_bytes, &error),
                error));
      send_[peer].resize(send_bytes);
      // Poisoned, so that a byte that never came shows.
      recv_[peer].assign(recv_bytes, '\x5a');
    }
    return Status();
  }

  Status Pack(ithaca_ulysses_step step,
              const std::vector<const std::vector<char>*>& inputs) {
    std::vector<ithaca_ulysses_const_span> tensors;
    for (const auto* input : inputs)
      tensors.push_back({input->data(), input->size()});
    std::vector<ithaca_ulysses_span> messages;
    for (auto& message : send_)
      messages.push_back({message.data(), message.size()});
    ithaca_ulysses_error error;
    return Check(
        ithaca_ulysses_pack(exchange_, step, tensors.data(), tensors.size(),
                            messages.data(), messages.size(), &error),
        error);
  }

  Status Move(const LayerOptions& options, driver::Communicator* comm) {
    std::vector<driver::Outgoing> sends;
    std::vector<driver::Incoming> recvs;
    for (int peer = 0; peer < ranks_; ++peer) {
      if (!send_[peer].empty())
        sends.push_back({peer, send_[peer].data(), send_[peer].size()});
      if (!recv_[peer].empty())
        recvs.push_back({peer, recv_[peer].data(), recv_[peer].size()});
    }
    StatusOr<driver::Transfer> transfer = comm->AllToAllv(sends, recvs);
    if (!transfer.ok()) return transfer.status();
    return transfer->Wait(options.timeout_ms, options.watch);
  }

  Status Unpack(ithaca_ulysses_step step,
                std::vector<std::vector<char>>* outputs) {
    ithaca_ulysses_error error;
    outputs->resize(ithaca_ulysses_num_tensors(step));
    std::vector<ithaca_ulysses_span> tensors;
    for (size_t i = 0; i < outputs->size(); ++i) {
      uint64_t bytes;
      ITHACA_RETURN_IF_ERROR(
          Check(ithaca_ulysses_tensor(exchange_, step, ITHACA_ULYSSES_UNPACK, i,
                                      nullptr, &bytes, &error),
                error));
      (*outputs)[i].assign(bytes, '\x5a');
      tensors.push_back({(*outputs)[i].data(), bytes});
    }
    std::vector<ithaca_ulysses_const_span> messages;
    for (const auto& message : recv_)
      messages.push_back({message.data(), message.size()});
    return Check(
        ithaca_ulysses_unpack(exchange_, step, messages.data(), messages.size(),
                              tensors.data(), tensors.size(), &error),
        error);
  }

  const int ranks_;
  const int rank_;
  ithaca_ulysses_exchange* exchange_ = nullptr;
  std::vector<std::vector<char>> send_, recv_;  // by peer
};

ulysses::AttentionSpec Spec(const ulysses::FlatPlan& plan,
                            const LayerOptions& options) {
  ulysses::AttentionSpec spec;
  spec.dtype = plan.dtype;
  spec.layout = plan.layout;
  spec.batch = plan.batch;
  spec.tokens =
      std::accumulate(plan.rank_rows.begin(), plan.rank_rows.end(), int64_t{0});
  spec.valid_tokens = options.valid_tokens;
  spec.head_size = plan.head_size;
  spec.num_q_heads = plan.num_q_heads;
  spec.num_kv_heads = plan.num_kv_heads;
  spec.causal = options.causal;
  spec.threads = options.threads;
  return spec;
}

}  // namespace

StatusOr<LayerResult> RunLayer(const ulysses::FlatPlan& plan, int rank,
                               const std::vector<char>& q,
                               const std::vector<char>& k,
                               const std::vector<char>& v,
                               const LayerOptions& options,
                               driver::Communicator* comm) {
  StatusOr<std::unique_ptr<Exchange>> exchange = Exchange::Create(plan, rank);
  if (!exchange.ok()) return exchange.status();
  const driver::Counters before = comm->counters();
  LayerResult result;
  std::vector<std::vector<char>> heads;  // q, k, v of all tokens, my heads
  ITHACA_RETURN_IF_ERROR((*exchange)->Run(ITHACA_ULYSSES_SEQ_TO_HEADS,
                                          {&q, &k, &v}, options, comm, &heads,
                                          &result));
  ulysses::AttentionSpec spec = Spec(plan, options);
  for (int i = 0; i < plan.q_head_count[rank]; ++i)
    spec.q_heads.push_back(plan.q_head_start[rank] + i);
  spec.kv_heads.assign(plan.kv_heads.begin() + plan.kv_offsets[rank],
                       plan.kv_heads.begin() + plan.kv_offsets[rank + 1]);
  std::vector<char> attended(heads[0].size(), '\x5a');
  const int64_t start_ns = MonotonicClock().NowNs();
  ithaca_ulysses_error error;
  if (!spec.q_heads.empty()) {
    ITHACA_RETURN_IF_ERROR(Check(
        ulysses::AttentionForward(spec, heads[0].data(), heads[1].data(),
                                  heads[2].data(), attended.data(), &error),
        error));
  }
  result.attention_seconds = SecondsSince(start_ns);
  std::vector<std::vector<char>> back;
  ITHACA_RETURN_IF_ERROR((*exchange)->Run(
      ITHACA_ULYSSES_HEADS_TO_SEQ, {&attended}, options, comm, &back, &result));
  result.o = std::move(back[0]);
  const driver::Counters after = comm->counters();
  result.bytes_sent = after.wire_bytes_sent - before.wire_bytes_sent;
  result.bytes_received =
      after.payload_bytes_received - before.payload_bytes_received;
  result.messages_sent = after.messages_sent - before.messages_sent;
  return result;
}

StatusOr<std::vector<char>> RunLayerInOneProcess(const ulysses::FlatPlan& plan,
                                                 const std::vector<char>& q,
                                                 const std::vector<char>& k,
                                                 const std::vector<char>& v,
                                                 const LayerOptions& options) {
  ulysses::AttentionSpec spec = Spec(plan, options);
  spec.UseAllHeads();
  std::vector<char> o(q.size(), '\x5a');
  ithaca_ulysses_error error;
  ITHACA_RETURN_IF_ERROR(
      Check(ulysses::AttentionForward(spec, q.data(), k.data(), v.data(),
                                      o.data(), &error),
            error));
  return o;
}

}  // namespace ithaca::e2e
