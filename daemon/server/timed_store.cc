#include "daemon/server/timed_store.h"

#include <chrono>
#include <string>
#include <utility>

namespace ithaca::server {
namespace {

using store::Store;

class TimedStore : public Store {
 public:
  TimedStore(std::unique_ptr<Store> store, metrics::Metrics* metrics)
      : store_(std::move(store)), metrics_(metrics) {}

  absl::StatusOr<std::optional<store::KeyValue>> Get(
      std::string_view key) override {
    return store_->Get(key);
  }
  absl::StatusOr<store::ListResult> List(std::string_view prefix,
                                         std::string_view after,
                                         size_t limit) override {
    return store_->List(prefix, after, limit);
  }
  absl::StatusOr<store::TxnResult> Txn(
      const std::vector<store::Compare>& compares,
      const std::vector<store::Op>& ops) override {
    const auto begun = std::chrono::steady_clock::now();
    auto result = store_->Txn(compares, ops);
    if (ops.empty()) return result;
    const std::chrono::duration<double> took =
        std::chrono::steady_clock::now() - begun;
    metrics_->store_commit_seconds.Child({}).Observe(took.count());
    if (!result.ok()) metrics_->store_failures.Count({});
    return result;
  }
  absl::StatusOr<int64_t> Revision() override { return store_->Revision(); }
  absl::StatusOr<std::unique_ptr<store::WatchHandle>> Watch(
      std::string_view prefix, int64_t after,
      store::WatchCallback callback) override {
    return store_->Watch(prefix, after, std::move(callback));
  }
  absl::StatusOr<std::unique_ptr<store::Lease>> Grant(
      std::chrono::milliseconds ttl, store::LeaseLost lost) override {
    return store_->Grant(ttl, std::move(lost));
  }
  absl::Status Backup(const std::string& path) override {
    return store_->Backup(path);
  }

 private:
  const std::unique_ptr<Store> store_;
  metrics::Metrics* const metrics_;
};

}  // namespace

std::unique_ptr<Store> TimeWrites(std::unique_ptr<Store> store,
                                  metrics::Metrics* metrics) {
  return std::make_unique<TimedStore>(std::move(store), metrics);
}

}  // namespace ithaca::server
