// The whole driver over the test plugin, ranks as threads of one process.
#include "plugin/driver/driver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "plugin/driver/pattern.h"

namespace ithaca::driver {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr char kPluginPath[] = "tests/support/libnccl-net-test.so";
constexpr int64_t kLongMs = 30'000;

struct Rank {
  Bootstrap& bootstrap;
  Communicator& comm;
};
using Body = std::function<Status(Rank)>;

class DriverTest : public ::testing::Test {
 protected:
  void SetUp() override { unsetenv("ITHACA_TEST_NET"); }
  void TearDown() override { unsetenv("ITHACA_TEST_NET"); }

  void SetFaults(const std::string& text) {
    setenv("ITHACA_TEST_NET", text.c_str(), 1);
  }

  // Runs `body` on each rank; their statuses, of the first failing step.
  std::vector<Status> RunAll(int ranks, const Body& body) {
    NetPluginOptions load;
    load.abi_version = abi_version_;
    auto plugin = NetPlugin::Load(kPluginPath, load);
    if (!plugin.ok()) return {plugin.status()};
    auto listener = BootstrapListener::Open({"127.0.0.1", 0});
    EXPECT_TRUE(listener.ok());
    const std::string id = listener->id();
    std::vector<Status> results(ranks);
    std::vector<std::thread> threads;
    for (int r = 0; r < ranks; ++r) {
      threads.emplace_back([&, r] {
        results[r] = RunOne(r, ranks, *plugin, &*listener, id, body);
      });
    }
    for (std::thread& t : threads) t.join();
    return results;
  }

  void RunAllOk(int ranks, const Body& body) {
    const std::vector<Status> results = RunAll(ranks, body);
    for (size_t r = 0; r < results.size(); ++r) {
      EXPECT_TRUE(results[r].ok())
          << "rank " << r << ": " << results[r].ToString();
    }
  }

  // One all-to-all with every byte checked.
  static Status AllToAllChecked(Communicator& comm, size_t bytes,
                                uint64_t iteration) {
    const int n = comm.ranks();
    std::vector<char> out(n * bytes + 1), in(n * bytes + 1);
    for (int p = 0; p < n; ++p) {
      FillPattern(&out[p * bytes], bytes,
                  PatternKey(iteration, comm.rank(), p));
      PoisonPattern(&in[p * bytes], bytes,
                    PatternKey(iteration, p, comm.rank()));
    }
    auto transfer = comm.AllToAll(out.data(), in.data(), bytes);
    if (!transfer.ok()) return transfer.status();
    Status status = transfer->Wait(kLongMs);
    if (!status.ok()) {
      comm.Abort("the test gave up");
      return status;
    }
    for (int p = 0; p < n; ++p) {
      const size_t wrong = CheckPattern(&in[p * bytes], bytes,
                                        PatternKey(iteration, p, comm.rank()));
      if (wrong == bytes) continue;
      return Errorf(Code::kDataLoss, "byte %zu of %zu from rank %d is wrong",
                    wrong, bytes, p);
    }
    return Status();
  }

  int abi_version_ = 0;
  CommunicatorOptions options_;
  int64_t join_timeout_ms_ = kLongMs;

 private:
  Status RunOne(int r, int ranks, std::shared_ptr<NetPlugin> plugin,
                BootstrapListener* listener, const std::string& id,
                const Body& body) {
    BootstrapOptions where;
    where.rank = r;
    where.ranks = ranks;
    where.timeout_ms = join_timeout_ms_;
    auto bootstrap = r == 0 ? Bootstrap::Serve(std::move(*listener), where)
                            : Bootstrap::Join(id, where);
    if (!bootstrap.ok()) return bootstrap.status();
    auto comm = Communicator::Create(plugin, bootstrap->get(), options_);
    if (!comm.ok()) return comm.status();
    Status status = body({**bootstrap, **comm});
    if (status.ok()) status = (*bootstrap)->Barrier();
    Status close = (*comm)->Close();
    return status.ok() ? close : status;
  }
};

class AbiTest : public DriverTest,
                public ::testing::WithParamInterface<std::tuple<int, int>> {};

TEST_P(AbiTest, EveryByteArrives) {
  abi_version_ = std::get<0>(GetParam());
  options_.ll_threshold_bytes = std::get<1>(GetParam());
  RunAllOk(4, [](Rank rank) {
    uint64_t iteration = 0;
    for (size_t bytes :
         {0, 1, 7, 8, 4096, 16 << 10, 65537, 131072, 1 << 20, 3000001}) {
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

}  // namespace
}  // namespace ithaca::driver
