// Ends with a connection full of transfers, from either side and in any order:
// not one byte moves in memory that was given back. Real sockets; memory is
// poisoned once it is given back, watched, and freed, so that the sanitizers
// see late reads and writes as well.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "plugin/net/engine_sides.h"

namespace ithaca::net {
namespace {

#ifdef ITHACA_SANITIZED
constexpr int kRounds = 30;
#else
constexpr int kRounds = 60;
#endif
constexpr int kRequests = 32;
constexpr size_t kLarge = 500'000;
constexpr char kGivenBack = '\x22';

// Memory that one transfer uses, and one registration.
struct Memory {
  std::unique_ptr<char[]> bytes;
  size_t size = 0;
  bool receives = false;
  bool given_back = false;

  void GiveBack() {
    given_back = true;
    if (receives) memset(bytes.get(), kGivenBack, size);
  }
  // Still as it was given back. What sends had is freed: nobody may read it.
  bool Untouched() const {
    return std::all_of(bytes.get(), bytes.get() + size,
                       [](char c) { return c == kGivenBack; });
  }
};

class Round {
 public:
  explicit Round(unsigned seed)
      : random_(seed), a_(LoopbackRails(1, 2)), b_(LoopbackRails(10, 2)) {}

  void Run() {
    link_ = ConnectSides(&a_, &b_, 2);
    ASSERT_NE(link_.send, nullptr);
    Start();
    Poll(random_() % 100);
    End();
    Poll(300);
    for (const Memory& memory : memory_) {
      if (memory.receives) {
        EXPECT_TRUE(memory.Untouched());
      }
    }
  }

 private:
  size_t RandomSize() {
    const size_t sizes[] = {0, 1, 8192, 8193, 100'000, kLarge, kLarge, kLarge};
    return sizes[random_() % 8];
  }

  Memory* NewMemory(size_t size, bool receives) {
    memory_.push_back({std::make_unique<char[]>(size), size, receives});
    if (!receives) memset(memory_.back().bytes.get(), 'x', size);
    return &memory_.back();
  }

  // 32 sends, and 32 receives of one buffer or a group, in any order.
  void Start() {
    memory_.reserve(kRequests * (1 + kMaxGroup));
    int sends = kRequests, receives = kRequests;
    while (sends + receives > 0) {
      if (receives == 0 || (sends > 0 && random_() % 2 == 0)) {
        --sends;
        const Memory* const memory = NewMemory(RandomSize(), false);
        auto sent = link_.send->connection()->Send(memory->bytes.get(),
                                                   memory->size, random_() % 3);
        ASSERT_TRUE(sent.ok() && *sent != nullptr);
      } else {
        --receives;
        Receive(random_() % 4 != 0 ? 1 : 1 + random_() % kMaxGroup);
      }
      if (random_() % 4 == 0) Poll(1);
    }
    a_.engine->Kick();
  }

  void Receive(int n) {
    void* data[kMaxGroup];
    size_t sizes[kMaxGroup];
    int tags[kMaxGroup];
    for (int i = 0; i < n; ++i) {
      const Memory* const memory = NewMemory(kLarge, true);
      data[i] = memory->bytes.get();
      sizes[i] = memory->size;
      tags[i] = random_() % 3;
    }
    auto received = link_.recv->connection()->Receive(n, data, sizes, tags);
    ASSERT_TRUE(received.ok() && *received != nullptr);
  }

  void Poll(int turns) {
    for (int i = 0; i < turns; ++i) {
      if (random_() % 2) a_.engine->Progress();
      if (random_() % 2) b_.engine->Progress();
    }
  }

  void GiveBack(bool receives) {
    for (Memory& memory : memory_)
      if (memory.receives == receives && !memory.given_back) {
        memory.GiveBack();
        if (!receives) memory.bytes.reset();
      }
  }

  // A buffer that is being filled with a large message; or any memory.
  Memory* PickMemory() {
    for (int i = random_() % 4 == 0 ? 0 : 200; i > 0; --i) {
      for (Memory& memory : memory_)
        if (memory.receives && !memory.given_back && memory.bytes[0] == 'x' &&
            memory.bytes[150'000] == 'x' && memory.bytes[kLarge - 1] != 'x')
          return &memory;
      Poll(1);
    }
    return &memory_[random_() % memory_.size()];
  }

  // Closes both ends, and may deregister some memory before.
  void End() {
    std::vector<int> order = {0, 1, 2, 3, 4};
    std::shuffle(order.begin(), order.end(), random_);
    for (int step : order) {
      if (step == 0) {
        link_.send.reset();
        GiveBack(false);
      } else if (step == 1) {
        link_.recv.reset();
        GiveBack(true);
      } else {
        Deregister(PickMemory());
      }
      Poll(random_() % 20);
    }
  }

  void Deregister(Memory* memory) {
    if (memory->given_back) return;
    Connection* const connection =
        memory->receives ? static_cast<Connection*>(link_.recv->connection())
                         : static_cast<Connection*>(link_.send->connection());
    connection->OnMemoryGone(memory->bytes.get(),
                             memory->bytes.get() + memory->size);
    (memory->receives ? b_ : a_).engine->Kick();
    memory->GiveBack();
    if (!memory->receives) memory->bytes.reset();
  }

  std::mt19937 random_;
  Side a_, b_;
  Link link_;
  std::vector<Memory> memory_;
};

TEST(EngineClose, NoByteMovesInMemoryThatWasGivenBack) {
  const unsigned seed = std::random_device()();
  for (int i = 0; i < kRounds; ++i) {
    SCOPED_TRACE("seed " + std::to_string(seed + i));
    Round(seed + i).Run();
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace ithaca::net
