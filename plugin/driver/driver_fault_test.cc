// What the driver says when a plugin, a rank or its own caller does wrong.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <vector>

#include "plugin/driver/driver.h"
#include "plugin/driver/driver_harness.h"
#include "plugin/driver/pattern.h"

namespace ithaca::driver {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::HasSubstr;

constexpr int64_t kShortMs = 500;  // where the deadline itself is the subject

class DriverFaultTest : public DriverTest {
 protected:
  // One all-to-all per rank; the messages of those that failed, joined.
  std::string RunAndCollect(int ranks, size_t bytes) {
    std::string text;
    for (const Status& status : RunAll(ranks, [bytes](Rank rank) {
           Status status = AllToAllChecked(rank.comm, bytes, 1);
           if (!status.ok()) rank.bootstrap.Abort(status.message());
           return status;
         })) {
      if (!status.ok()) text += status.ToString() + "\n";
    }
    return text;
  }
};

TEST_F(DriverFaultTest, AFailedIsendCarriesResultAndWarning) {
  SetFaults("error_at_isend=5");
  EXPECT_THAT(RunAndCollect(3, 1 << 20),
              AllOf(HasSubstr("isend to rank"),
                    HasSubstr("ncclSystemError (2): test-net: isend 5 was told "
                              "to fail")));
}

TEST_F(DriverFaultTest, AFailedTestCarriesResultAndWarning) {
  SetFaults("error_at_test=9");
  EXPECT_THAT(RunAndCollect(2, 1 << 20),
              HasSubstr("ncclRemoteError (6): test-net: test 9"));
}

TEST_F(DriverFaultTest, AShortReceiveIsDataLoss) {
  SetFaults("short_at=3");
  EXPECT_THAT(RunAndCollect(2, 1 << 20),
              AllOf(HasSubstr("DATA_LOSS"), HasSubstr("received 131071 bytes"),
                    HasSubstr("where 131072 were sent")));
}

TEST_F(DriverFaultTest, OneFlippedBitIsFound) {
  for (const char* ll : {"0", "16384"}) {
    options_.ll_threshold_bytes = std::stoul(ll);
    SetFaults("corrupt_at=2");
    EXPECT_THAT(RunAndCollect(2, 1 << 20), HasSubstr("is wrong"));
  }
}

TEST_F(DriverFaultTest, ThePresetLeftInTheSlotIsNamed) {
  options_.ll_threshold_bytes = 16384;
  abi_version_ = 12;
  SetFaults("keep_preset=1");
  EXPECT_THAT(RunAndCollect(2, 100), HasSubstr("left the 0x1"));
}

TEST_F(DriverFaultTest, ASizeTooManyIsNamed) {
  SetFaults("extra_sizes=1");
  EXPECT_THAT(RunAndCollect(2, 100000), HasSubstr("test wrote sizes[1]"));
}

TEST_F(DriverFaultTest, GroupsThatThePluginDoesNotTakeAreRefused) {
  options_.group = 2;
  EXPECT_THAT(RunAndCollect(2, 100), HasSubstr("device 0 takes at most 1"));
  options_.group = 9;
  EXPECT_THAT(RunAndCollect(2, 100), HasSubstr("1 to 8 are possible"));
}

TEST_F(DriverFaultTest, AFailedInitIsToldToAll) {
  SetFaults("fail_init=1");
  EXPECT_THAT(RunAndCollect(3, 1), HasSubstr("init was told to fail"));
}

TEST_F(DriverFaultTest, ConnectingHasADeadline) {
  options_.timeout_ms = kShortMs;
  SetFaults("never_accept=1");
  EXPECT_THAT(
      RunAndCollect(2, 1),
      AllOf(HasSubstr("connections not made in time"), HasSubstr("from rank")));
}

TEST_F(DriverFaultTest, DifferentOptionsAreNamed) {
  adjust_options_ = [](int rank, CommunicatorOptions* options) {
    if (rank == 1) options->chunk_bytes = 65536;
  };
  EXPECT_THAT(RunAndCollect(3, 1),
              AllOf(HasSubstr("rank 1 was started with"),
                    HasSubstr("chunks of 65536 bytes"),
                    HasSubstr("give every rank the same")));
}

TEST_F(DriverFaultTest, BadOptionsAreRefused) {
  for (auto change : std::vector<void (*)(CommunicatorOptions*)>{
           [](CommunicatorOptions* o) { o->channels = 0; },
           [](CommunicatorOptions* o) { o->channels = 65; },
           [](CommunicatorOptions* o) { o->chunk_bytes = size_t{2} << 30; },
           [](CommunicatorOptions* o) { o->pipeline_depth = 9; },
           [](CommunicatorOptions* o) { o->ll_threshold_bytes = 1 << 20; },
           [](CommunicatorOptions* o) { o->device = 1; },
       }) {
    options_ = CommunicatorOptions();
    change(&options_);
    const auto results = RunAll(1, [](Rank) { return Status(); });
    EXPECT_EQ(results[0].code(), Code::kInvalidArgument)
        << results[0].ToString();
  }
}

TEST_F(DriverFaultTest, ALostMessageIsAReportOfWhatIsPending) {
  SetFaults("drop_at=1");
  std::atomic<int> waiting{2};
  const auto results = RunAll(2, [&waiting](Rank rank) {
    std::vector<char> out(2000), in(2000);
    auto transfer = rank.comm.AllToAll(out.data(), in.data(), 1000);
    Status status = transfer->Wait(kShortMs);
    // Neither closes while the other still waits.
    --waiting;
    while (waiting > 0) std::this_thread::yield();
    rank.comm.Abort("the test is over");
    return status;
  });
  std::string text;
  for (const Status& status : results) text += status.ToString();
  EXPECT_THAT(text, AllOf(HasSubstr("DEADLINE_EXCEEDED"),
                          HasSubstr("0 of 1 messages from rank"),
                          HasSubstr("channel 0 (1 in flight)")));
}

TEST_F(DriverFaultTest, APluginThatNeverReturnsIsNamedAndLeftBehind) {
  SetFaults("block_in_test=1");
  options_.timeout_ms = kShortMs;
  // Its progress thread stays inside the plugin and may use these to the end.
  static std::vector<char> buffers[2][2];
  static std::atomic<int> finished{0};
  const auto results = RunAll(2, [](Rank rank) {
    auto& mine = buffers[rank.comm.rank()];
    for (std::vector<char>& buffer : mine) buffer.resize(200000);
    auto transfer = rank.comm.AllToAll(mine[0].data(), mine[1].data(), 100000);
    Status wait = transfer->Wait(kShortMs);
    Status close = rank.comm.Close();
    ++finished;
    while (finished < 2) std::this_thread::yield();
    const Status& tell = close.ok() ? wait : close;
    return Errorf(Code::kInternal, "%s | %s", wait.message().c_str(),
                  tell.message().c_str());
  });
  std::string text;
  for (const Status& status : results) text += status.ToString();
  EXPECT_THAT(text, HasSubstr("does not return from test"));
}

TEST_F(DriverFaultTest, CloseWithTransfersInFlight) {
  for (int first = 0; first < 2; ++first) {
    std::atomic<bool> closed{false};
    const auto results = RunAll(2, [&closed, first](Rank rank) {
      std::vector<char> out(64 << 20), in(64 << 20);
      std::vector<Transfer> transfers;
      for (int i = 0; i < 8; ++i) {
        auto transfer = rank.comm.AllToAll(out.data(), in.data(), 32 << 20);
        if (!transfer.ok()) return transfer.status();
        transfers.push_back(*transfer);
      }
      if (rank.comm.rank() != first) {
        while (!closed) std::this_thread::yield();
      }
      Status close = rank.comm.Close();
      closed = true;
      EXPECT_TRUE(close.ok()) << close.ToString();
      // Every transfer ends; memory is ours again, so late bytes would show.
      for (Transfer& transfer : transfers) {
        (void)transfer.Wait(kLongMs);
        EXPECT_TRUE(transfer.done());
      }
      EXPECT_FALSE(rank.comm.AllToAll(out.data(), in.data(), 1).ok());
      return Status();
    });
    for (const Status& status : results) {
      EXPECT_TRUE(status.ok()) << status.ToString();
    }
  }
}

TEST_F(DriverFaultTest, AbortEndsEverythingWithItsReason) {
  RunAllOk(2, [](Rank rank) {
    ITHACA_RETURN_IF_ERROR(rank.bootstrap.Barrier());
    std::vector<char> data(1 << 20);
    // Nobody sends this.
    auto transfer = rank.comm.AllToAllv(
        {}, {{1 - rank.comm.rank(), data.data(), data.size()}});
    if (!transfer.ok()) return transfer.status();
    rank.comm.Abort("had enough");
    Status status = transfer->Wait(kLongMs);
    EXPECT_THAT(status.message(), HasSubstr("had enough"));
    EXPECT_THAT(rank.comm.status().message(), HasSubstr("had enough"));
    auto late = rank.comm.AllToAllv({}, {{0, data.data(), 1}});
    // The own rank's entry has no counterpart, or the transfer ends at once.
    if (late.ok()) {
      EXPECT_FALSE(late->Wait(kLongMs).ok());
    }
    return Status();
  });
}

TEST_F(DriverFaultTest, CallersMistakesAreNamed) {
  RunAllOk(2, [](Rank rank) {
    char byte = 0;
    const int me = rank.comm.rank();
    for (const Status& status :
         {rank.comm.AllToAllv({{2, &byte, 1}}, {}).status(),
          rank.comm.AllToAllv({{-1, &byte, 1}}, {}).status(),
          rank.comm.AllToAllv({{0, &byte, 1}, {0, &byte, 1}}, {}).status(),
          rank.comm.AllToAllv({{me, &byte, 1}}, {}).status(),
          rank.comm.PingPong(me, &byte, 1, 1, true).status(),
          rank.comm.AllToAllv(&byte, {{0}, {1}}, &byte, {{0}, {1}}).status(),
          rank.comm.DeregisterBuffer(&byte)}) {
      EXPECT_EQ(status.code(), Code::kInvalidArgument) << status.ToString();
    }
    return Status();
  });
}

TEST_F(DriverFaultTest, OneCommunicatorsEndLeavesAnotherAlone) {
  auto plugin = NetPlugin::Load(kPluginPath, {});
  ASSERT_TRUE(plugin.ok());
  RunAllOk(2, [&plugin](Rank rank) {
    CommunicatorOptions options;
    auto second = Communicator::Create(*plugin, &rank.bootstrap, options);
    if (!second.ok()) return second.status();
    rank.comm.Abort("only this one");
    ITHACA_RETURN_IF_ERROR(AllToAllChecked(**second, 300000, 1));
    return (*second)->Close();
  });
}

}  // namespace
}  // namespace ithaca::driver
