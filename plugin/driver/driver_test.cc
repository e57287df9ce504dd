// The whole driver over the test plugin, ranks as threads of one process.
#include "plugin/driver/driver.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "plugin/driver/driver_harness.h"
#include "plugin/driver/pattern.h"

namespace ithaca::driver {
namespace {

class AbiTest : public DriverTest,
                public ::testing::WithParamInterface<std::tuple<int, int>> {};

TEST_P(AbiTest, EveryByteArrives) {
  abi_version_ = std::get<0>(GetParam());
  options_.ll_threshold_bytes = std::get<1>(GetParam());
  std::vector<size_t> sizes = {0, 1, 7, 8, 4096, 16384, 65537, 131072, 1 << 20};
#ifndef ITHACA_SANITIZED
  sizes.push_back(3000001);
#endif
  RunAllOk(4, [&sizes](Rank rank) {
    uint64_t iteration = 0;
    for (size_t bytes : sizes) {
      for (int i = 0; i < 2; ++i) {
        ITHACA_RETURN_IF_ERROR(AllToAllChecked(rank.comm, bytes, ++iteration));
      }
    }
    return Status();
  });
}

INSTANTIATE_TEST_SUITE_P(Versions, AbiTest,
                         ::testing::Combine(::testing::Values(8, 9, 10, 11, 12),
                                            ::testing::Values(0, 16384)),
                         [](const auto& info) {
                           return "v" +
                                  std::to_string(std::get<0>(info.param)) +
                                  (std::get<1>(info.param) == 0 ? "Simple"
                                                                : "Ll");
                         });

TEST_F(DriverTest, CountersAreExact) {
  RunAllOk(3, [](Rank rank) {
    ITHACA_RETURN_IF_ERROR(AllToAllChecked(rank.comm, 1 << 20, 1));
    const Counters c = rank.comm.counters();
    EXPECT_EQ(c.payload_bytes_sent, 2u << 20);
    EXPECT_EQ(c.wire_bytes_sent, 2u << 20);
    EXPECT_EQ(c.payload_bytes_received, 2u << 20);
    EXPECT_EQ(c.local_bytes, 1u << 20);
    // 1 MiB is not below eight chunks: two halves of four chunks, two peers.
    EXPECT_EQ(c.messages_sent, 16u);
    EXPECT_EQ(c.messages_received, 16u);
    return Status();
  });
}

TEST_F(DriverTest, LlDoublesTheWireButNotThePayload) {
  options_.ll_threshold_bytes = 16384;
  RunAllOk(2, [](Rank rank) {
    ITHACA_RETURN_IF_ERROR(AllToAllChecked(rank.comm, 1000, 1));
    EXPECT_EQ(rank.comm.counters().payload_bytes_sent, 1000u);
    EXPECT_EQ(rank.comm.counters().wire_bytes_sent, 2000u);
    return Status();
  });
}

TEST_F(DriverTest, ZeroBytesAreOneMessagePerPeer) {
  RunAllOk(3, [](Rank rank) {
    ITHACA_RETURN_IF_ERROR(AllToAllChecked(rank.comm, 0, 1));
    EXPECT_EQ(rank.comm.counters().messages_sent, 2u);
    EXPECT_EQ(rank.comm.counters().messages_received, 2u);
    return Status();
  });
}

TEST_F(DriverTest, UnevenAllToAllv) {
  RunAllOk(5, [](Rank rank) {
    const int n = rank.comm.ranks(), me = rank.comm.rank();
    // What s sends to r: anything from nothing to several chunks.
    auto bytes = [](int s, int r) {
      return static_cast<size_t>(s == r ? 17
                                        : (s * 7919 + r * 104729) % 400000);
    };
    Communicator::Layout out, in;
    size_t out_size = 0, in_size = 0;
    for (int p = 0; p < n; ++p) {
      out.offsets.push_back(out_size);
      out.bytes.push_back(bytes(me, p));
      out_size += bytes(me, p);
      in.offsets.push_back(in_size);
      in.bytes.push_back(bytes(p, me));
      in_size += bytes(p, me);
    }
    std::vector<char> send(out_size + 1), recv(in_size + 1);
    for (int p = 0; p < n; ++p) {
      FillPattern(&send[out.offsets[p]], out.bytes[p], PatternKey(9, me, p));
      PoisonPattern(&recv[in.offsets[p]], in.bytes[p], PatternKey(9, p, me));
    }
    auto transfer = rank.comm.AllToAllv(send.data(), out, recv.data(), in);
    if (!transfer.ok()) return transfer.status();
    ITHACA_RETURN_IF_ERROR(transfer->Wait(kLongMs));
    for (int p = 0; p < n; ++p) {
      EXPECT_EQ(
          CheckPattern(&recv[in.offsets[p]], in.bytes[p], PatternKey(9, p, me)),
          in.bytes[p])
          << "rank " << me << " from " << p;
    }
    return Status();
  });
}

TEST_F(DriverTest, MoreRanksThanOneBatch) {
  options_.channels = 1;
  RunAllOk(11, [](Rank rank) {
    ITHACA_RETURN_IF_ERROR(AllToAllChecked(rank.comm, 20000, 1));
    return AllToAllChecked(rank.comm, 200000, 2);
  });
}

TEST_F(DriverTest, TransfersRunTogether) {
  RunAllOk(3, [](Rank rank) {
    const int n = rank.comm.ranks(), me = rank.comm.rank();
    constexpr size_t kBytes = 300000;
    constexpr int kTransfers = 6;
    std::vector<std::vector<char>> out(kTransfers), in(kTransfers);
    std::vector<Transfer> transfers;
    for (int t = 0; t < kTransfers; ++t) {
      out[t].resize(n * kBytes);
      in[t].resize(n * kBytes);
      for (int p = 0; p < n; ++p) {
        FillPattern(&out[t][p * kBytes], kBytes, PatternKey(t, me, p));
      }
      auto transfer = rank.comm.AllToAll(out[t].data(), in[t].data(), kBytes);
      if (!transfer.ok()) return transfer.status();
      transfers.push_back(*transfer);
    }
    for (int t = kTransfers - 1; t >= 0; --t) {
      ITHACA_RETURN_IF_ERROR(transfers[t].Wait(kLongMs));
      for (int p = 0; p < n; ++p) {
        EXPECT_EQ(
            CheckPattern(&in[t][p * kBytes], kBytes, PatternKey(t, p, me)),
            kBytes);
      }
    }
    return Status();
  });
}

TEST_F(DriverTest, SendRecvRing) {
  RunAllOk(4, [](Rank rank) {
    const int n = rank.comm.ranks(), me = rank.comm.rank();
    const int next = (me + 1) % n, previous = (me + n - 1) % n;
    std::vector<char> out(777777), in(777777);
    FillPattern(out.data(), out.size(), PatternKey(1, me, next));
    PoisonPattern(in.data(), in.size(), PatternKey(1, previous, me));
    auto transfer = rank.comm.SendRecv({next, out.data(), out.size()},
                                       {previous, in.data(), in.size()});
    if (!transfer.ok()) return transfer.status();
    ITHACA_RETURN_IF_ERROR(transfer->Wait(kLongMs));
    EXPECT_EQ(CheckPattern(in.data(), in.size(), PatternKey(1, previous, me)),
              in.size());
    return Status();
  });
}

TEST_F(DriverTest, PingPongReturnsWhatItSent) {
  options_.ll_threshold_bytes = 16384;
  RunAllOk(2, [](Rank rank) {
    const bool first = rank.comm.rank() == 0;
    for (size_t bytes : {0, 8, 5000, 500000}) {
      std::vector<char> data(bytes + 1);
      const uint64_t key = PatternKey(bytes, 0, 1);
      first ? FillPattern(data.data(), bytes, key)
            : PoisonPattern(data.data(), bytes, key);
      auto transfer =
          rank.comm.PingPong(first ? 1 : 0, data.data(), bytes, 50, first);
      if (!transfer.ok()) return transfer.status();
      ITHACA_RETURN_IF_ERROR(transfer->Wait(kLongMs));
      EXPECT_EQ(CheckPattern(data.data(), bytes, key), bytes);
    }
    EXPECT_GE(rank.comm.counters().messages_sent, 200u);
    return Status();
  });
}

TEST_F(DriverTest, RegisteredUserBuffersAreNotCopied) {
  options_.user_buffers = true;
  RunAllOk(3, [](Rank rank) {
    const int n = rank.comm.ranks(), me = rank.comm.rank();
    constexpr size_t kBytes = 1 << 20;
    std::vector<char> out(n * kBytes), in(n * kBytes);
    auto refused = rank.comm.AllToAll(out.data(), in.data(), kBytes);
    EXPECT_EQ(refused.status().code(), Code::kFailedPrecondition);
    ITHACA_RETURN_IF_ERROR(rank.comm.RegisterBuffer(out.data(), out.size()));
    ITHACA_RETURN_IF_ERROR(rank.comm.RegisterBuffer(in.data(), in.size()));
    for (int p = 0; p < n; ++p) {
      FillPattern(&out[p * kBytes], kBytes, PatternKey(4, me, p));
    }
    auto transfer = rank.comm.AllToAll(out.data(), in.data(), kBytes);
    if (!transfer.ok()) return transfer.status();
    ITHACA_RETURN_IF_ERROR(transfer->Wait(kLongMs));
    for (int p = 0; p < n; ++p) {
      EXPECT_EQ(CheckPattern(&in[p * kBytes], kBytes, PatternKey(4, p, me)),
                kBytes);
    }
    // One message per channel and peer, whatever the chunk.
    EXPECT_EQ(rank.comm.counters().messages_sent, 4u);
    ITHACA_RETURN_IF_ERROR(rank.comm.DeregisterBuffer(out.data()));
    // `in` stays registered: Close deregisters it.
    return AllToAllChecked(rank.comm, 0, 5);
  });
}

TEST_F(DriverTest, BootstrapCallStyle) {
  options_.call_style = CallStyle::kBootstrap;
  RunAllOk(3, [](Rank rank) { return AllToAllChecked(rank.comm, 90000, 1); });
}

TEST_F(DriverTest, FullDepthAndOddChunks) {
  options_.pipeline_depth = 8;
  options_.chunk_bytes = 5000;
  options_.channels = 3;
  RunAllOk(4, [](Rank rank) {
    for (size_t bytes : {1, 4999, 5001, 40001, 999999}) {
      ITHACA_RETURN_IF_ERROR(AllToAllChecked(rank.comm, bytes, bytes));
    }
    return Status();
  });
}

TEST_F(DriverTest, OneRank) {
  RunAllOk(1, [](Rank rank) { return AllToAllChecked(rank.comm, 1 << 20, 1); });
}

TEST_F(DriverTest, SurvivesAnAwkwardPlugin) {
  SetFaults(
      "seed=7,null_percent=60,connect_delay=20,done_delay=5,"
      "send_bytes_max=1000");
  options_.ll_threshold_bytes = 16384;
  RunAllOk(3, [](Rank rank) {
    for (size_t bytes : {0, 1, 4096, 70000}) {
      ITHACA_RETURN_IF_ERROR(AllToAllChecked(rank.comm, bytes, bytes));
    }
    EXPECT_GT(rank.comm.counters().refused_sends, 0u);
    EXPECT_GT(rank.comm.counters().refused_recvs, 0u);
    return Status();
  });
}

TEST_F(DriverTest, LlFlagsProtectAgainstEarlyCompletion) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "flags are read while the plugin writes them, by design";
#endif
  SetFaults("early_ll=1,send_bytes_max=100");
  options_.ll_threshold_bytes = 16384;
  RunAllOk(3, [](Rank rank) {
    for (int i = 0; i < 20; ++i) {
      ITHACA_RETURN_IF_ERROR(AllToAllChecked(rank.comm, 9000 + i, i));
    }
    return Status();
  });
}

// Rank 1 starts at least 50 ms after rank 0's first message: whatever rank 0
// does alone meanwhile (64 pieces of its own share, 8 messages each way and
// channel) is less than 200 moves, so that one of the pauses is long.
TEST_F(DriverTest, AWaitForALatePeerIsAStall) {
  options_.stall_threshold_ms = 0;
  std::atomic<const Communicator*> first{nullptr};
  std::atomic<int64_t> longest_ns{0};
  RunAllOk(2, [&](Rank rank) {
    constexpr size_t kBytes = 8 << 20;
    std::vector<char> out(2 * kBytes), in(2 * kBytes);
    const bool late = rank.comm.rank() == 1;
    if (!late) first = &rank.comm;
    while (late && (first.load() == nullptr ||
                    first.load()->counters().messages_sent == 0)) {
      std::this_thread::yield();
    }
    const Deadline after(MonotonicClock(), 50);
    while (late && !after.Expired()) std::this_thread::yield();
    auto transfer = rank.comm.AllToAll(out.data(), in.data(), kBytes);
    if (!transfer.ok()) return transfer.status();
    Status status = transfer->Wait(kLongMs);
    if (status.ok() && !late) {
      longest_ns = transfer->stalls().longest_ns;
      EXPECT_GT(transfer->stalls().count, 0);
      EXPECT_GE(transfer->stalls().total_ns, longest_ns);
    }
    return status;
  });
  EXPECT_GE(longest_ns.load(), 50 * kNsPerMs / 200);
}

}  // namespace
}  // namespace ithaca::driver
