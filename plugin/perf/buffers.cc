#include "plugin/perf/buffers.h"

#include <cstdlib>
#include <cstring>
#include <utility>

#include "plugin/driver/pattern.h"

namespace ithaca::perf {
namespace {

constexpr size_t kGuardBytes = 64;
constexpr char kGuard = 0x5a;
constexpr size_t kAlign = 4096;

// Offsets of blocks that lie back to back; the result is their sum.
size_t LayOut(const std::vector<size_t>& bytes, std::vector<size_t>* offsets) {
  size_t total = 0;
  for (size_t b : bytes) {
    offsets->push_back(total);
    total += b;
  }
  return total;
}

}  // namespace

void Buffers::Free::operator()(char* data) const { free(data); }

Buffers::Memory Buffers::Allocate(size_t bytes) {
  void* data = nullptr;
  if (posix_memalign(&data, kAlign, bytes) != 0) return Memory();
  return Memory(static_cast<char*>(data));
}

StatusOr<Buffers> Buffers::Make(int rank, std::vector<size_t> send_bytes,
                                std::vector<size_t> recv_bytes) {
  Buffers b;
  b.rank_ = rank;
  b.send_bytes_ = std::move(send_bytes);
  b.recv_bytes_ = std::move(recv_bytes);
  b.send_total_ = LayOut(b.send_bytes_, &b.send_offsets_) + kGuardBytes;
  b.recv_total_ = LayOut(b.recv_bytes_, &b.recv_offsets_) + kGuardBytes;
  b.send_ = Allocate(b.send_total_);
  b.recv_ = Allocate(b.recv_total_);
  if (b.send_ == nullptr || b.recv_ == nullptr) {
    return Errorf(Code::kResourceExhausted,
                  "no memory for %zu bytes to send and %zu to receive",
                  b.send_total_, b.recv_total_);
  }
  // Touches every page before the clock runs.
  memset(b.send_.get(), 0, b.send_total_);
  memset(b.recv_.get(), kGuard, b.recv_total_);
  return b;
}

void Buffers::Prepare(uint64_t iteration) {
  for (size_t p = 0; p < send_bytes_.size(); ++p) {
    const int peer = static_cast<int>(p);
    driver::FillPattern(send(peer), send_bytes_[p],
                        driver::PatternKey(iteration, rank_, peer));
    driver::PoisonPattern(recv(peer), recv_bytes_[p],
                          driver::PatternKey(iteration, peer, rank_));
  }
}

Status Buffers::Check(uint64_t iteration, uint64_t* checked) const {
  for (size_t p = 0; p < recv_bytes_.size(); ++p) {
    const int peer = static_cast<int>(p);
    const uint64_t key = driver::PatternKey(iteration, peer, rank_);
    const size_t wrong = driver::CheckPattern(recv(peer), recv_bytes_[p], key);
    *checked += recv_bytes_[p];
    if (wrong == recv_bytes_[p]) continue;
    const uint8_t is = static_cast<uint8_t>(recv(peer)[wrong]);
    const uint8_t should = driver::PatternByte(key, wrong);
    return Errorf(
        Code::kDataLoss,
        "byte %zu of %zu from rank %d is 0x%02x instead of 0x%02x%s", wrong,
        recv_bytes_[p], peer, is, should,
        is == static_cast<uint8_t>(~should) ? " (never written)" : "");
  }
  const char* guard = recv_.get() + recv_total_ - kGuardBytes;
  for (size_t i = 0; i < kGuardBytes; ++i) {
    if (guard[i] == kGuard) continue;
    return Errorf(Code::kDataLoss,
                  "a byte was written %zu bytes behind the receive buffer",
                  i + 1);
  }
  return Status();
}

}  // namespace ithaca::perf
