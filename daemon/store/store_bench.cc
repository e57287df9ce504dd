// How long a store takes: one caller, one small transaction after another.
//
//   bazel run -c opt //daemon/store:store_bench
//
// Prints for each backend the median and the 99th percentile of a commit, a
// read, and of how long a watcher waits for a commit's event. All members of
// etcd run on this machine, on one disk.

#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "daemon/store/etcd/etcd_cluster_for_test.h"
#include "daemon/store/open_store.h"
#include "daemon/store/store.h"

namespace ithaca::store {
namespace {

using std::chrono::steady_clock;

constexpr int kRounds = 1000;
constexpr size_t kValueBytes = 256;

void Check(const absl::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  std::exit(1);
}

void Measure(const char* backend, const char* what,
             const std::function<void(int)>& once) {
  std::vector<double> times;
  for (int i = 0; i < kRounds; ++i) {
    const auto begin = steady_clock::now();
    once(i);
    times.push_back(
        std::chrono::duration<double, std::milli>(steady_clock::now() - begin)
            .count());
  }
  std::sort(times.begin(), times.end());
  std::printf("%-15s %-14s median %7.3f ms   p99 %7.3f ms\n", backend, what,
              times[kRounds / 2], times[kRounds * 99 / 100]);
}

// The revision that a watcher was told of last.
class Told {
 public:
  WatchCallback Callback() {
    return [this](const WatchBatch& batch) {
      std::lock_guard<std::mutex> lock(mutex_);
      revision_ = batch.revision;
      more_.notify_all();
    };
  }
  void WaitFor(int64_t revision) {
    std::unique_lock<std::mutex> lock(mutex_);
    more_.wait(lock, [&] { return revision_ >= revision; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable more_;
  int64_t revision_ = 0;  // guarded by mutex_
};

void Run(const char* backend, const std::string& name) {
  auto opened = OpenStore(name, nullptr);
  Check(opened.status());
  Store& store = **opened;
  const std::string value(kValueBytes, 'x');
  const auto commit = [&](int i) {
    const auto result =
        store.Txn({}, {Op::Put("k" + std::to_string(i % 100), value)});
    Check(result.status());
    return result->revision;
  };
  for (int i = 0; i < 100; ++i) commit(i);
  Measure(backend, "commit", commit);
  Measure(backend, "read", [&](int i) {
    Check(store.Get("k" + std::to_string(i % 100)).status());
  });
  Told told;
  auto watch = store.Watch("k", 0, told.Callback());
  Check(watch.status());
  Measure(backend, "commit + event", [&](int i) { told.WaitFor(commit(i)); });
}

int Main() {
  const char* base = std::getenv("TEST_TMPDIR");
  std::string folder =
      std::string(base == nullptr ? "/var/tmp" : base) + "/bench.XXXXXX";
  if (mkdtemp(folder.data()) == nullptr) return 1;
  Run("sqlite", "sqlite:" + folder + "/store.db");
  if (const std::string why = etcd::EtcdCluster::WhyNot(); !why.empty()) {
    std::printf("%s\n", why.c_str());
    return 0;
  }
  for (const size_t members : {size_t{1}, size_t{3}}) {
    etcd::EtcdCluster::Options options;
    options.members.resize(members);
    options.folder = folder + "/etcd" + std::to_string(members);
    mkdir(options.folder.c_str(), 0700);
    auto cluster = etcd::EtcdCluster::Start(options);
    Check(cluster.status());
    Run(members == 1 ? "etcd, 1 member" : "etcd, 3 members",
        "etcd:" + (*cluster)->endpoints());
  }
  return 0;
}

}  // namespace
}  // namespace ithaca::store

int main() { return ithaca::store::Main(); }
