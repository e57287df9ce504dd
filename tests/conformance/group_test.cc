// Grouped receives: up to maxRecvs buffers under one request, as NCCL posts
// them where the ranks of a host share a connection.
#include <algorithm>
#include <cstring>
#include <random>

#include "tests/conformance/fixture.h"

namespace ithaca::conformance {
namespace {

using abi::Result;

constexpr char kUntouched = '\x5A';

class Group : public Conformance {
 protected:
  void SetUp() override {
    Conformance::SetUp();
    if (HasFatalFailure()) return;
    abi::NetPropertiesV12 props{};
    ASSERT_EQ(net().GetProperties(0, &props), Result::kSuccess);
    if (props.maxRecvs < 2) GTEST_SKIP() << "the plugin groups no receives";
    max_ = props.maxRecvs;
    link_ = Connect();
    ASSERT_NE(link_.send, nullptr);
    ASSERT_NE(link_.recv, nullptr);
  }

  // A group of buffers for `sizes` bytes each, every byte kUntouched, with
  // some room behind them that must stay so.
  struct Buffers {
    std::vector<std::vector<char>> bytes;
    Transfer* recv = nullptr;
  };
  Buffers Post(const std::vector<size_t>& sizes, const std::vector<int>& tags) {
    Buffers buffers;
    std::vector<void*> data;
    for (size_t size : sizes) {
      buffers.bytes.emplace_back(size + 16, kUntouched);
      data.push_back(buffers.bytes.back().data());
    }
    buffers.recv = RecvGroup(link_.recv, data, sizes, tags);
    return buffers;
  }

  // Keeps the bytes until the test ends.
  Transfer* SendBytes(std::vector<char> bytes, int tag) {
    kept_.push_back(std::move(bytes));
    return Send(link_.send, kept_.back().data(), kept_.back().size(), tag,
                nullptr);
  }

  // Buffer i of a group that is done holds `want` and nothing behind it.
  static void ExpectHolds(const Buffers& group, size_t i,
                          const std::vector<char>& want) {
    const std::vector<char>& got = group.bytes[i];
    ASSERT_EQ(group.recv->sizes[i], static_cast<int>(want.size())) << i;
    EXPECT_TRUE(std::equal(want.begin(), want.end(), got.begin())) << i;
    EXPECT_EQ(std::count(got.begin() + want.size(), got.end(), kUntouched),
              static_cast<ptrdiff_t>(got.size() - want.size()))
        << i;
  }

  int max_ = 0;
  Link link_;
  std::deque<std::vector<char>> kept_;
};
INSTANTIATE_TEST_SUITE_P(Net, Group, ::testing::ValuesIn(NetVersions()),
                         ::testing::PrintToStringParamName());

// PollTransfers checks that test() writes one size per buffer and no more.
TEST_P(Group, EveryCountWithEverySize) {
  std::mt19937 random(GetParam());
  for (int n = 1; n <= max_; ++n) {
    SCOPED_TRACE(n);
    std::vector<std::vector<char>> out;
    std::vector<size_t> capacities;
    std::vector<int> tags;
    std::vector<int> order;
    for (int i = 0; i < n; ++i) {
      const size_t bytes[] = {0, 1, 100, 5000, 70'000, 300'000};
      out.push_back(Pattern(bytes[random() % 6], random()));
      capacities.push_back(out[i].size() + random() % 2 * 1000);
      tags.push_back(1000 - i);
      order.push_back(i);
    }
    std::shuffle(order.begin(), order.end(), random);
    const Buffers group = Post(capacities, tags);
    std::vector<Transfer*> all = {group.recv};
    for (int i : order) all.push_back(SendBytes(out[i], tags[i]));
    Wait(all);
    for (int i = 0; i < n && !HasFailure(); ++i) ExpectHolds(group, i, out[i]);
  }
}

TEST_P(Group, IsDoneOnlyWithItsLastMessage) {
  for (int last = 0; last < max_; ++last) {
    SCOPED_TRACE(last);
    std::vector<int> tags;
    for (int i = 0; i < max_; ++i) tags.push_back(i);
    const Buffers group = Post(std::vector<size_t>(max_, 64), tags);
    std::vector<Transfer*> sends;
    for (int i = 0; i < max_; ++i)
      if (i != last) sends.push_back(SendBytes(Pattern(i, 60 + i), i));
    Wait(sends);
    for (int i = 0; i < 100; ++i) PollTransfers();
    ASSERT_FALSE(group.recv->done);
    Wait({SendBytes(Pattern(last, 60 + last), last), group.recv});
    for (int i = 0; i < max_; ++i) ExpectHolds(group, i, Pattern(i, 60 + i));
  }
}

// Within a group by its index, and between groups as they were posted.
TEST_P(Group, EqualTagsMatchInPostOrder) {
  for (const bool sends_first : {false, true}) {
    SCOPED_TRACE(sends_first);
    std::vector<std::vector<char>> out;
    for (int i = 0; i < 6; ++i)
      out.push_back(Pattern(i % 2 == 0 ? 100'000 + i : 10 + i, 30 + i));
    std::vector<Transfer*> all;
    auto send = [&] {
      for (const auto& bytes : out) all.push_back(SendBytes(bytes, 4));
      all.push_back(SendBytes(Pattern(7, 7), 5));
    };
    if (sends_first) send();
    const std::vector<size_t> room(4, 100'100);
    const Buffers first = Post({room[0]}, {4});
    const Buffers second = Post(room, {4, 4, 5, 4});
    const Buffers third = Post({room[0], room[1]}, {4, 4});
    if (!sends_first) send();
    for (const Buffers* group : {&first, &second, &third})
      all.push_back(group->recv);
    Wait(all);
    if (HasFailure()) return;
    ExpectHolds(first, 0, out[0]);
    ExpectHolds(second, 0, out[1]);
    ExpectHolds(second, 1, out[2]);
    ExpectHolds(second, 2, Pattern(7, 7));
    ExpectHolds(second, 3, out[3]);
    ExpectHolds(third, 0, out[4]);
    ExpectHolds(third, 1, out[5]);
  }
}

TEST_P(Group, EmptyMessagesAndMissingBuffersKeepTheirPlace) {
  char in[2] = {kUntouched, kUntouched};
  Transfer* recv = RecvGroup(link_.recv, {&in[0], nullptr, nullptr, &in[1]},
                             {1, 0, 0, 1}, {6, 6, 8, 6});
  Wait({SendBytes({'a'}, 6), SendBytes({}, 8), SendBytes({}, 6),
        SendBytes({'b'}, 6), recv});
  EXPECT_EQ(recv->sizes, (std::vector<int>{1, 0, 0, 1}));
  EXPECT_EQ(std::string(in, 2), "ab");
  // Nothing but empty messages.
  recv = RecvGroup(link_.recv, {nullptr, nullptr}, {0, 0}, {1, 1});
  Wait({recv, SendBytes({}, 1), SendBytes({}, 1)});
  EXPECT_EQ(recv->sizes, (std::vector<int>{0, 0}));
}

// What NCCL may keep in flight, on both sides, whichever comes first; and
// "try later" is never the answer.
TEST_P(Group, ThirtyTwoGroupsDeep) {
  constexpr int kDepth = abi::kMaxRequests;
  for (const bool sends_first : {false, true}) {
    SCOPED_TRACE(sends_first);
    std::vector<int> tags;
    for (int i = 0; i < max_; ++i) tags.push_back(70 + i);
    std::vector<Buffers> groups;
    std::vector<std::vector<char>> out;
    std::vector<Transfer*> all;
    auto size = [](int step, int i) {
      return static_cast<size_t>(step * 37 + i * 11) % 9000;
    };
    auto send = [&] {
      for (int step = 0; step < kDepth; ++step) {
        for (int i = 0; i < max_; ++i) {
          out.push_back(Pattern(size(step, i), step * max_ + i));
          void* request = Poison();
          ASSERT_EQ(
              net().Isend(link_.send, out.back().data(), out.back().size(),
                          tags[i], nullptr, nullptr, &request),
              Result::kSuccess);
          ASSERT_NE(request, nullptr) << step << " " << i;
          all.push_back(Track(request, 1));
        }
      }
    };
    auto post = [&] {
      for (int step = 0; step < kDepth; ++step) {
        groups.push_back(Post(std::vector<size_t>(max_, 9000), tags));
        all.push_back(groups.back().recv);
      }
    };
    if (sends_first) send();
    post();
    if (!sends_first) send();
    Wait(all);
    for (int step = 0; step < kDepth && !HasFailure(); ++step)
      for (int i = 0; i < max_; ++i)
        ExpectHolds(groups[step], i, out[step * max_ + i]);
  }
}

// One rank of those that share a connection is late; the others go on, however
// long that takes, and its own messages are there in the end.
TEST_P(Group, ALateRankHoldsUpNoOther) {
  constexpr int kRounds = 1000;
  std::vector<Transfer*> late;
  for (int i = 0; i < 8; ++i) late.push_back(SendBytes(Pattern(3000, i), 1));
  for (int round = 0; round < kRounds; ++round) {
    const Buffers group = Post({2000, 2000}, {2, 3});
    Wait({SendBytes(Pattern(1999, round), 3), SendBytes(Pattern(30, round), 2),
          group.recv});
    ASSERT_FALSE(HasFailure()) << round;
    ExpectHolds(group, 0, Pattern(30, round));
    ExpectHolds(group, 1, Pattern(1999, round));
  }
  const Buffers group =
      Post(std::vector<size_t>(max_, 3000), std::vector<int>(max_, 1));
  for (int i = 8; i < max_; ++i) SendBytes(Pattern(3000, i), 1);
  Wait({group.recv});
  Wait(late);
  for (int i = 0; i < max_; ++i) ExpectHolds(group, i, Pattern(3000, i));
}

// As NCCL's proxy does it: 8 steps deep, groups that shrink as ranks finish.
TEST_P(Group, PipelinesLikeTheProxy) {
  constexpr int kDepth = 8;
  constexpr size_t kSlot = 32 << 10;
  const uint32_t seed = 4711 + GetParam();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  const int ranks = std::min(max_, 5);
  std::vector<int> steps(ranks), sent(ranks), acked(ranks);
  for (int& count : steps) count = 30 + random() % 90;
  auto bytes = [&](int rank, int step) {
    return Pattern(step % 5 == 0 ? 0 : (step * 977 + rank * 131) % kSlot,
                   rank * 1000 + step);
  };
  std::vector<std::vector<std::pair<Transfer*, std::vector<char>>>> out(ranks);
  struct Step {
    Buffers group;
    std::vector<int> ranks;
    int number;
  };
  std::deque<Step> posted;
  int next = 0;
  const int last = *std::max_element(steps.begin(), steps.end());
  PollUntil("all steps", [&] {
    if (next < last && posted.size() < kDepth) {
      Step step{{}, {}, next++};
      for (int rank = 0; rank < ranks; ++rank)
        if (step.number < steps[rank]) step.ranks.push_back(rank);
      step.group =
          Post(std::vector<size_t>(step.ranks.size(), kSlot), step.ranks);
      posted.push_back(std::move(step));
    }
    const int rank = random() % ranks;
    if (sent[rank] < steps[rank] && sent[rank] - acked[rank] < kDepth) {
      auto data = bytes(rank, sent[rank]++);
      Transfer* send = SendBytes(data, rank);
      out[rank].push_back({send, std::move(data)});
    }
    PollTransfers();
    for (int r = 0; r < ranks; ++r)
      while (acked[r] < sent[r] && out[r][acked[r]].first->done) ++acked[r];
    while (!posted.empty() && posted.front().group.recv->done) {
      const Step& step = posted.front();
      for (size_t i = 0; i < step.ranks.size(); ++i)
        ExpectHolds(step.group, i, bytes(step.ranks[i], step.number));
      posted.pop_front();
    }
    return HasFailure() || (next == last && posted.empty());
  });
}

TEST_P(Group, AMessageTooLargeForItsBufferIsAnErrorWithinBounds) {
  const Buffers group = Post({100, 4000, 100}, {1, 2, 3});
  SendBytes(Pattern(50, 1), 1);
  SendBytes(Pattern(5000, 2), 2);
  WaitOver({group.recv});
  EXPECT_TRUE(IsError(group.recv->error));
  EXPECT_EQ(std::count(group.bytes[1].begin() + 4000, group.bytes[1].end(),
                       kUntouched),
            16);
  EXPECT_NE(TakeLog().find("WARN"), std::string::npos);
  AbandonTransfers();
}

TEST_P(Group, ImpossibleCountsAreRefused) {
  std::vector<char> in(max_ + 1);
  std::vector<void*> data, mhandles(max_ + 1);
  std::vector<size_t> sizes(max_ + 1, 1);
  std::vector<int> tags(max_ + 1);
  for (char& byte : in) data.push_back(&byte);
  for (int n : {max_ + 1, 0, -1}) {
    void* request = Poison();
    EXPECT_TRUE(
        IsError(net().Irecv(link_.recv, n, data.data(), sizes.data(),
                            tags.data(), mhandles.data(), nullptr, &request)))
        << n;
    EXPECT_EQ(request, nullptr);
  }
  ExpectDelivers(link_, 1000, 8);
}

TEST_P(Group, AFlushOfAGroupIsDoneOrCompletes) {
  const Buffers group = Post({40, 50, 60}, {1, 1, 1});
  Wait({SendBytes(Pattern(40, 1), 1), SendBytes({}, 1),
        SendBytes(Pattern(60, 2), 1), group.recv});
  std::vector<void*> data, mhandles(3);
  for (const auto& bytes : group.bytes)
    data.push_back(const_cast<char*>(bytes.data()));
  std::vector<int> sizes = group.recv->sizes;
  void* request = Poison();
  ASSERT_EQ(net().Iflush(link_.recv, 3, data.data(), sizes.data(),
                         mhandles.data(), &request),
            Result::kSuccess);
  ASSERT_NE(request, Poison());
  PollUntil("flush done", [&] {
    int done = request == nullptr;
    if (done == 0) {
      EXPECT_EQ(net().Test(request, &done, nullptr), Result::kSuccess);
    }
    return done == 1;
  });
}

// Whichever buffer of a group goes, not one late byte may arrive in it.
TEST_P(Group, MemoryIsLeftAloneOnceDeregisteredOrClosed) {
  constexpr size_t kBytes = 1 << 20;
  std::mt19937 random(GetParam());
  for (int round = 0; round < 16; ++round) {
    SCOPED_TRACE(round);
    const Link link = Connect();
    std::vector<std::vector<char>> in(max_, std::vector<char>(kBytes, 1));
    std::vector<void*> data, mhandles;
    std::vector<size_t> sizes(max_, kBytes);
    std::vector<int> tags;
    for (int i = 0; i < max_; ++i) {
      data.push_back(in[i].data());
      mhandles.push_back(Register(link.recv, in[i].data(), kBytes));
      tags.push_back(i / 2);
    }
    void* request = nullptr;
    ASSERT_EQ(net().Irecv(link.recv, max_, data.data(), sizes.data(),
                          tags.data(), mhandles.data(), nullptr, &request),
              Result::kSuccess);
    ASSERT_NE(request, nullptr);
    Track(request, max_);
    const std::vector<char> out = Pattern(kBytes, round);
    for (int i = max_ - 1; i >= 0; --i)
      Send(link.send, out.data(), kBytes, tags[i], nullptr);
    for (int i = random() % 30; i > 0; --i) PollTransfers();
    const int gone = random() % max_;
    Deregister(link.recv, mhandles[gone]);
    const bool close = round % 2 == 0;
    if (close) {
      AbandonTransfers();
      CloseRecv(link.recv);
      for (auto& bytes : in) std::fill(bytes.begin(), bytes.end(), '\x22');
    } else {
      std::fill(in[gone].begin(), in[gone].end(), '\x22');
    }
    for (int i = 0; i < 200; ++i) {
      int done = 0;
      PollTransfers();
      void* probe = nullptr;
      net().Isend(link.send, const_cast<char*>(out.data()), 1, 99, nullptr,
                  nullptr, &probe);
      if (probe != nullptr) (void)net().Test(probe, &done, nullptr);
    }
    for (int i = 0; i < max_; ++i) {
      if (!close && i != gone) continue;
      EXPECT_EQ(std::count(in[i].begin(), in[i].end(), '\x22'),
                static_cast<ptrdiff_t>(kBytes))
          << i;
    }
    AbandonTransfers();
    for (int i = 0; i < max_ && !close; ++i)
      if (i != gone) Deregister(link.recv, mhandles[i]);
    if (!close) CloseRecv(link.recv);
    CloseSend(link.send);
  }
}

}  // namespace
}  // namespace ithaca::conformance
