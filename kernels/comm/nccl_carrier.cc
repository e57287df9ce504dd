#include "kernels/comm/nccl_carrier.h"

#include <algorithm>
#include <utility>

#include "kernels/comm/nccl_api.h"
#include "kernels/cuda/gpu.h"
#include "kernels/reference/error.h"

namespace ithaca::ulysses {
namespace {

// One block of what Gather moves.
constexpr size_t kGatherBytes = 64;

class NcclCarrier;

// Everything is on the stream already; what is left is to ask for errors.
class NcclFlight : public Flight {
 public:
  explicit NcclFlight(const NcclCarrier* carrier) : carrier_(carrier) {}
  int32_t Land(ithaca_ulysses_error* error) override;

 private:
  const NcclCarrier* const carrier_;
};

class NcclCarrier : public Carrier {
 public:
  NcclCarrier(const NcclApi& api, void* comm, int32_t mode)
      : api_(api), comm_(comm), mode_(mode) {}

  int32_t Open(ithaca_ulysses_error* error) {
    int rank = 0, ranks = 0;
    if (int result = api_.user_rank(comm_, &rank); result != NcclApi::kSuccess)
      return api_.FailWith("ncclCommUserRank", result, comm_, error);
    if (int result = api_.count(comm_, &ranks); result != NcclApi::kSuccess)
      return api_.FailWith("ncclCommCount", result, comm_, error);
    rank_ = rank;
    ranks_ = ranks;
    if (mode_ == ITHACA_ULYSSES_NCCL_ALL_TO_ALL && api_.all_to_all == nullptr) {
      return Fail(error, ITHACA_ULYSSES_UNSUPPORTED,
                  "this NCCL has no ncclAlltoAll (2.28 has it); use mode 0 or "
                  "1");
    }
    return ITHACA_ULYSSES_OK;
  }

  int32_t rank() const override { return rank_; }
  int32_t num_ranks() const override { return ranks_; }
  bool on_device() const override { return true; }

  int32_t Send(const Messages& messages, void* stream,
               std::unique_ptr<Flight>* flight,
               ithaca_ulysses_error* error) override {
    const bool even = Even(messages);
    if (!even && mode_ == ITHACA_ULYSSES_NCCL_ALL_TO_ALL) {
      return Fail(error, ITHACA_ULYSSES_UNSUPPORTED,
                  "the plan's messages differ in length; use mode 0 or 1");
    }
    const bool one_call = even && mode_ != ITHACA_ULYSSES_NCCL_SEND_RECV &&
                          api_.all_to_all != nullptr;
    const int result = one_call
                           ? api_.all_to_all(messages.send, messages.recv,
                                             messages.send_bytes[0],
                                             NcclApi::kUint8, comm_, stream)
                           : SendAndReceive(messages, stream);
    if (result != NcclApi::kSuccess && result != NcclApi::kInProgress)
      return api_.FailWith("exchange of messages", result, comm_, error);
    *flight = std::make_unique<NcclFlight>(this);
    return ITHACA_ULYSSES_OK;
  }

  int32_t Gather(const std::string& mine, ithaca_ulysses_span scratch,
                 void* stream, std::vector<std::string>* all,
                 ithaca_ulysses_error* error) override {
    const size_t needed = kGatherBytes * (ranks_ + 1);
    if (scratch.data == nullptr || scratch.bytes < needed) {
      return Fail(error, ITHACA_ULYSSES_INVALID_ARGUMENT,
                  "workspace has %llu bytes, expected at least %zu of device "
                  "memory",
                  static_cast<unsigned long long>(
                      scratch.data == nullptr ? 0 : scratch.bytes),
                  needed);
    }
    const Gpu* gpu = nullptr;
    if (int32_t code = Gpu::Get(&gpu, error)) return code;
    std::string host(needed, '\0');
    std::copy(mine.begin(), mine.end(), host.begin());
    auto* const device = static_cast<char*>(scratch.data);
    if (int32_t code = gpu->CopyToDevice(device, host.data(), kGatherBytes,
                                         stream, error)) {
      return code;
    }
    const int result =
        api_.all_gather(device, device + kGatherBytes, kGatherBytes,
                        NcclApi::kUint8, comm_, stream);
    if (result != NcclApi::kSuccess)
      return api_.FailWith("ncclAllGather", result, comm_, error);
    if (int32_t code =
            gpu->CopyToHost(&host[kGatherBytes], device + kGatherBytes,
                            kGatherBytes * ranks_, stream, error)) {
      return code;
    }
    for (int32_t r = 0; r < ranks_; ++r)
      all->push_back(host.substr(kGatherBytes * (r + 1), mine.size()));
    return ITHACA_ULYSSES_OK;
  }

  int32_t Register(ithaca_ulysses_span memory,
                   ithaca_ulysses_error* error) override {
    if (api_.register_window == nullptr) return ITHACA_ULYSSES_OK;
    // NCCL gives up windows with their communicator.
    void* window = nullptr;
    const int result =
        api_.register_window(comm_, memory.data, memory.bytes, &window, 0);
    return result == NcclApi::kSuccess
               ? ITHACA_ULYSSES_OK
               : api_.FailWith("ncclCommWindowRegister", result, comm_, error);
  }

  int32_t AsyncError(ithaca_ulysses_error* error) const {
    int found = NcclApi::kSuccess;
    const int result = api_.async_error(comm_, &found);
    const int worst = result != NcclApi::kSuccess ? result : found;
    if (worst == NcclApi::kSuccess || worst == NcclApi::kInProgress)
      return ITHACA_ULYSSES_OK;
    return api_.FailWith("NCCL reports", worst, comm_, error);
  }

 private:
  // Whether all messages of all ranks have one length. From this rank's alone:
  // what it sends is as long as the heads of each rank, what it receives as the
  // tokens of each. A rank without any cannot tell, so then it is not said.
  static bool Even(const Messages& messages) {
    const uint64_t first = messages.send_bytes[0];
    const auto same = [first](uint64_t bytes) { return bytes == first; };
    return first > 0 &&
           std::all_of(messages.send_bytes.begin(), messages.send_bytes.end(),
                       same) &&
           std::all_of(messages.recv_bytes.begin(), messages.recv_bytes.end(),
                       same);
  }

  int SendAndReceive(const Messages& messages, void* stream) {
    int first = api_.group_start();
    const char* send = messages.send;
    char* recv = messages.recv;
    for (int32_t r = 0; r < ranks_ && first == NcclApi::kSuccess; ++r) {
      if (messages.send_bytes[r] > 0) {
        first = api_.send(send, messages.send_bytes[r], NcclApi::kUint8, r,
                          comm_, stream);
      }
      if (messages.recv_bytes[r] > 0 && first == NcclApi::kSuccess) {
        first = api_.recv(recv, messages.recv_bytes[r], NcclApi::kUint8, r,
                          comm_, stream);
      }
      send += messages.send_bytes[r];
      recv += messages.recv_bytes[r];
    }
    // Ends the group after an error too.
    const int end = api_.group_end();
    return first != NcclApi::kSuccess ? first : end;
  }

  const NcclApi& api_;
  void* const comm_;
  const int32_t mode_;
  int32_t rank_ = 0;
  int32_t ranks_ = 0;
};

int32_t NcclFlight::Land(ithaca_ulysses_error* error) {
  return carrier_->AsyncError(error);
}

}  // namespace

int32_t MakeNcclCarrier(void* nccl_comm, int32_t mode,
                        std::unique_ptr<Carrier>* carrier,
                        ithaca_ulysses_error* error) {
  const NcclApi* api = nullptr;
  if (int32_t code = NcclApi::Get(&api, error)) return code;
  auto made = std::make_unique<NcclCarrier>(*api, nccl_comm, mode);
  if (int32_t code = made->Open(error)) return code;
  *carrier = std::move(made);
  return ITHACA_ULYSSES_OK;
}

}  // namespace ithaca::ulysses
