#include "tests/conformance/fixture.h"

#include <dlfcn.h>
#include <sched.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>

namespace ithaca::conformance {
namespace {

using abi::Result;

std::string library_path;
std::mutex log_mutex;
std::string log_text;  // guarded by log_mutex

}  // namespace

std::chrono::seconds Patience() {
  const char* text = std::getenv("PATIENCE");
  return std::chrono::seconds(text != nullptr ? std::atoi(text) : 60);
}

void* Poison() { return reinterpret_cast<void*>(uintptr_t{0xDEADBEEF}); }

void* Library() {
  static void* library = [] {
    void* opened = dlopen(library_path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (opened == nullptr) {
      std::fprintf(stderr, "%s\n", dlerror());
      std::abort();
    }
    return opened;
  }();
  return library;
}

const std::string& LibraryPath() { return library_path; }

void KeepLog(abi::DebugLevel level, unsigned long /*subsys*/,
             const char* /*file*/, int /*line*/, const char* format, ...) {
  char text[4096];
  va_list args;
  va_start(args, format);
  std::vsnprintf(text, sizeof(text), format, args);
  va_end(args);
  std::lock_guard<std::mutex> lock(log_mutex);
  log_text += level == abi::DebugLevel::kWarn ? "WARN " : "INFO ";
  log_text += text;
  log_text += '\n';
}

std::string TakeLog() {
  std::lock_guard<std::mutex> lock(log_mutex);
  return std::exchange(log_text, "");
}

bool IsError(Result result) {
  return result == Result::kSystemError || result == Result::kInternalError ||
         result == Result::kInvalidArgument ||
         result == Result::kInvalidUsage || result == Result::kRemoteError;
}

std::vector<char> Pattern(size_t size, uint32_t seed) {
  std::vector<char> bytes(size);
  uint32_t state = seed * 2654435761U + 1;
  for (char& byte : bytes) {
    state = state * 1664525U + 1013904223U;
    byte = static_cast<char>(state >> 24);
  }
  return bytes;
}

void Conformance::SetUp() {
  net_ = FindNetTable(Library(), GetParam());
  ASSERT_NE(net_, nullptr) << "the library has no v" << GetParam();
  TakeLog();
  abi::NetCommConfigV12 config = {abi::kUndefined};
  ctx_ = Poison();
  ASSERT_EQ(net_->Init(&ctx_, 0x1234 + GetParam(), &config, KeepLog, nullptr),
            Result::kSuccess)
      << TakeLog();
  if (net_->has_contexts()) {
    ASSERT_NE(ctx_, Poison());
  } else {
    ctx_ = nullptr;
  }
  // NCCL asks before anything else.
  int ndev = -1;
  ASSERT_EQ(net_->Devices(&ndev), Result::kSuccess);
  ASSERT_GE(ndev, 1);
}

void Conformance::TearDown() {
  if (net_ == nullptr || ctx_ == Poison()) return;
  for (void* comm : sends_) EXPECT_EQ(net_->CloseSend(comm), Result::kSuccess);
  for (void* comm : recvs_) EXPECT_EQ(net_->CloseRecv(comm), Result::kSuccess);
  for (void* comm : listeners_)
    EXPECT_EQ(net_->CloseListen(comm), Result::kSuccess);
  EXPECT_EQ(net_->Finalize(ctx_), Result::kSuccess);
  if (HasFailure()) std::fprintf(stderr, "%s", TakeLog().c_str());
}

bool Conformance::PollUntil(const std::string& what,
                            const std::function<bool()>& step) {
  const auto deadline = std::chrono::steady_clock::now() + Patience();
  while (!step()) {
    if (HasFatalFailure()) return false;
    if (std::chrono::steady_clock::now() > deadline) {
      ADD_FAILURE() << "never: " << what;
      return false;
    }
    sched_yield();
  }
  return true;
}

void* Conformance::Listen(int dev, void* handle) {
  void* listener = nullptr;
  EXPECT_EQ(net_->Listen(ctx_, dev, handle, &listener), Result::kSuccess);
  EXPECT_NE(listener, nullptr);
  if (listener != nullptr) listeners_.push_back(listener);
  return listener;
}

Link Conformance::Connect(int dev) {
  char handle[abi::kHandleBytes] = {};
  void* listener = Listen(dev, handle);
  if (listener == nullptr) return {};
  return ConnectTo(listener, handle, dev);
}

Link Conformance::ConnectTo(void* listener, const void* handle, int dev) {
  char mine[abi::kHandleBytes];
  std::memcpy(mine, handle, sizeof(mine));
  Link link;
  const bool connected = PollUntil("connect and accept", [&] {
    if (link.send == nullptr) {
      link.send = Poison();
      const Result result = net_->Connect(ctx_, dev, mine, &link.send, nullptr);
      EXPECT_EQ(result, Result::kSuccess);
      EXPECT_NE(link.send, Poison());
      if (result != Result::kSuccess) return true;
    }
    if (link.recv == nullptr) {
      link.recv = Poison();
      const Result result = net_->Accept(listener, &link.recv, nullptr);
      EXPECT_EQ(result, Result::kSuccess);
      EXPECT_NE(link.recv, Poison());
      if (result != Result::kSuccess) return true;
    }
    return link.send != nullptr && link.recv != nullptr;
  });
  // NCCL may reuse the handle's memory from here on.
  std::memset(mine, 0xEE, sizeof(mine));
  if (!connected) return {};
  if (link.send != nullptr) sends_.push_back(link.send);
  if (link.recv != nullptr) recvs_.push_back(link.recv);
  return link;
}

void Conformance::CloseSend(void* comm) {
  sends_.erase(std::remove(sends_.begin(), sends_.end(), comm), sends_.end());
  EXPECT_EQ(net_->CloseSend(comm), Result::kSuccess);
}

void Conformance::CloseRecv(void* comm) {
  recvs_.erase(std::remove(recvs_.begin(), recvs_.end(), comm), recvs_.end());
  EXPECT_EQ(net_->CloseRecv(comm), Result::kSuccess);
}

void* Conformance::Register(void* comm, void* data, size_t size) {
  void* mhandle = Poison();
  EXPECT_EQ(net_->RegMr(comm, data, size, abi::kPtrHost, &mhandle),
            Result::kSuccess);
  EXPECT_NE(mhandle, Poison());
  return mhandle;
}

void Conformance::Deregister(void* comm, void* mhandle) {
  EXPECT_EQ(net_->DeregMr(comm, mhandle), Result::kSuccess);
}

Transfer* Conformance::Track(void* request, size_t buffers) {
  transfers_.emplace_back();
  transfers_.back().request = request;
  transfers_.back().sizes.assign(buffers, -1);
  return &transfers_.back();
}

Transfer* Conformance::Send(void* comm, const void* data, size_t size, int tag,
                            void* mhandle) {
  void* request = nullptr;
  const bool accepted = PollUntil("isend accepted", [&] {
    request = Poison();
    const Result result =
        net_->Isend(comm, const_cast<void*>(data), size, tag, mhandle,
                    /*phandle=*/nullptr, &request);
    EXPECT_EQ(result, Result::kSuccess);
    EXPECT_NE(request, Poison()) << "isend left *request stale";
    if (result != Result::kSuccess) return true;
    if (request != nullptr) return true;
    PollTransfers();
    return false;
  });
  if (!accepted || request == nullptr) return nullptr;
  return Track(request, 1);
}

Transfer* Conformance::Recv(void* comm, void* data, size_t size, int tag,
                            void* mhandle) {
  return Post(comm, 1, &data, &size, &tag, &mhandle);
}

Transfer* Conformance::RecvGroup(void* comm, std::vector<void*> data,
                                 std::vector<size_t> sizes,
                                 std::vector<int> tags) {
  std::vector<void*> mhandles(data.size());
  return Post(comm, data.size(), data.data(), sizes.data(), tags.data(),
              mhandles.data());
}

Transfer* Conformance::Post(void* comm, int n, void** data, size_t* sizes,
                            int* tags, void** mhandles) {
  void* request = nullptr;
  const bool accepted = PollUntil("irecv accepted", [&] {
    request = Poison();
    const Result result = net_->Irecv(comm, n, data, sizes, tags, mhandles,
                                      /*phandles=*/nullptr, &request);
    EXPECT_EQ(result, Result::kSuccess);
    EXPECT_NE(request, Poison()) << "irecv left *request stale";
    if (result != Result::kSuccess) return true;
    if (request != nullptr) return true;
    PollTransfers();
    return false;
  });
  if (!accepted || request == nullptr) return nullptr;
  return Track(request, n);
}

bool Conformance::PollTransfers() {
  bool all = true;
  for (Transfer& transfer : transfers_) {
    if (transfer.done || IsError(transfer.error)) continue;
    int done = -1;
    // One entry more than there are buffers: it must stay as it is.
    std::vector<int> sizes(transfer.sizes.size() + 1, -7);
    transfer.error = net_->Test(transfer.request, &done, sizes.data());
    if (transfer.error != Result::kSuccess) {
      EXPECT_TRUE(IsError(transfer.error));
      continue;
    }
    EXPECT_TRUE(done == 0 || done == 1) << done;
    EXPECT_EQ(sizes.back(), -7) << "test wrote more sizes than buffers";
    if (done == 1) {
      transfer.done = true;
      sizes.pop_back();
      transfer.sizes = sizes;
    } else {
      all = false;
    }
  }
  return all;
}

void Conformance::Wait(const std::vector<Transfer*>& transfers) {
  WaitOver(transfers);
  for (const Transfer* transfer : transfers) {
    ASSERT_NE(transfer, nullptr);
    EXPECT_EQ(transfer->error, Result::kSuccess);
    EXPECT_TRUE(transfer->done);
  }
}

void Conformance::WaitOver(const std::vector<Transfer*>& transfers) {
  for (const Transfer* transfer : transfers) ASSERT_NE(transfer, nullptr);
  PollUntil("transfers over", [&] {
    PollTransfers();
    return std::all_of(transfers.begin(), transfers.end(),
                       [](const Transfer* transfer) {
                         return transfer->done || IsError(transfer->error);
                       });
  });
}

void Conformance::ExpectDelivers(const Link& link, size_t bytes,
                                 uint32_t seed) {
  const std::vector<char> sent = Pattern(bytes, seed);
  std::vector<char> received(bytes + 64, '\x5A');
  std::vector<char> out = sent;
  void* send_mr = Register(link.send, out.data(), out.size());
  void* recv_mr = Register(link.recv, received.data(), received.size());
  Transfer* recv = Recv(link.recv, received.data(), bytes, 1, recv_mr);
  Transfer* send = Send(link.send, out.data(), bytes, 1, send_mr);
  Wait({recv, send});
  if (HasFatalFailure()) return;
  EXPECT_EQ(recv->sizes[0], static_cast<int>(bytes));
  EXPECT_TRUE(std::equal(sent.begin(), sent.end(), received.begin()));
  for (size_t i = bytes; i < received.size(); ++i)
    ASSERT_EQ(received[i], '\x5A') << "written past the end, at " << i;
  Deregister(link.send, send_mr);
  Deregister(link.recv, recv_mr);
}

}  // namespace ithaca::conformance

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s LIBRARY\n", argv[0]);
    return 2;
  }
  ithaca::conformance::library_path = argv[1];
  // Loopback alone, whatever the machine has.
  setenv("NCCL_SOCKET_IFNAME", "lo", /*overwrite=*/0);
  return RUN_ALL_TESTS();
}
