// Runs a job of several ranks as threads of one test, over the test plugin.
#ifndef ITHACA_PLUGIN_DRIVER_DRIVER_HARNESS_H_
#define ITHACA_PLUGIN_DRIVER_DRIVER_HARNESS_H_

#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "plugin/driver/driver.h"
#include "plugin/driver/pattern.h"

namespace ithaca::driver {

inline constexpr char kPluginPath[] = "tests/support/libnccl-net-test.so";
inline constexpr int64_t kLongMs = 30'000;

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
  // Makes the ranks differ; may be null.
  std::function<void(int, CommunicatorOptions*)> adjust_options_;
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
    CommunicatorOptions options = options_;
    if (adjust_options_ != nullptr) adjust_options_(r, &options);
    auto comm = Communicator::Create(plugin, bootstrap->get(), options);
    if (!comm.ok()) return comm.status();
    Status status = body({**bootstrap, **comm});
    if (status.ok()) status = (*bootstrap)->Barrier();
    Status close = (*comm)->Close();
    return status.ok() ? close : status;
  }
};

}  // namespace ithaca::driver

#endif  // ITHACA_PLUGIN_DRIVER_DRIVER_HARNESS_H_
