#include "kernels/comm/net_carrier.h"

#include <utility>

#include "kernels/reference/error.h"
#include "plugin/driver/bootstrap.h"
#include "plugin/driver/driver.h"
#include "plugin/driver/net_plugin.h"

namespace ithaca::ulysses {
namespace {

constexpr int32_t kDefaultTimeoutMs = 30'000;
constexpr char kDefaultPlugin[] = "libnccl-net-ithaca.so";

int32_t FailWith(const char* doing, const Status& status,
                 ithaca_ulysses_error* error) {
  return Fail(error,
              status.code() == Code::kInvalidArgument
                  ? ITHACA_ULYSSES_INVALID_ARGUMENT
                  : ITHACA_ULYSSES_CARRIER_FAILED,
              "%s: %s", doing, status.ToString().c_str());
}

class NetFlight : public Flight {
 public:
  // `watch` says whether a rank has died.
  NetFlight(driver::Transfer transfer, int64_t timeout_ms,
            std::function<Status()> watch)
      : transfer_(std::move(transfer)),
        timeout_ms_(timeout_ms),
        watch_(std::move(watch)) {}

  int32_t Land(ithaca_ulysses_error* error) override {
    const Status status = transfer_.Wait(timeout_ms_, watch_);
    return status.ok() ? ITHACA_ULYSSES_OK
                       : FailWith("exchange of messages", status, error);
  }

 private:
  driver::Transfer transfer_;
  const int64_t timeout_ms_;
  const std::function<Status()> watch_;
};

class NetCarrier : public Carrier {
 public:
  NetCarrier(std::unique_ptr<driver::Bootstrap> bootstrap,
             std::unique_ptr<driver::Communicator> communicator,
             int64_t timeout_ms)
      : bootstrap_(std::move(bootstrap)),
        communicator_(std::move(communicator)),
        timeout_ms_(timeout_ms) {}

  int32_t rank() const override { return communicator_->rank(); }
  int32_t num_ranks() const override { return communicator_->ranks(); }
  bool on_device() const override { return false; }

  int32_t Send(const Messages& messages, void*, std::unique_ptr<Flight>* flight,
               ithaca_ulysses_error* error) override {
    auto transfer =
        communicator_->AllToAllv(messages.send, LayoutOf(messages.send_bytes),
                                 messages.recv, LayoutOf(messages.recv_bytes));
    if (!transfer.ok())
      return FailWith("exchange of messages", transfer.status(), error);
    *flight = std::make_unique<NetFlight>(
        *transfer, timeout_ms_, [this] { return bootstrap_->CheckPeers(); });
    return ITHACA_ULYSSES_OK;
  }

  int32_t Gather(const std::string& mine, ithaca_ulysses_span, void*,
                 std::vector<std::string>* all,
                 ithaca_ulysses_error* error) override {
    auto gathered = bootstrap_->AllGather(mine);
    if (!gathered.ok())
      return FailWith("comparing plans", gathered.status(), error);
    *all = std::move(gathered).value();
    return ITHACA_ULYSSES_OK;
  }

  int32_t Register(ithaca_ulysses_span, ithaca_ulysses_error*) override {
    return ITHACA_ULYSSES_OK;
  }

 private:
  static driver::Communicator::Layout LayoutOf(
      const std::vector<uint64_t>& bytes) {
    driver::Communicator::Layout layout;
    size_t offset = 0;
    for (const uint64_t b : bytes) {
      layout.offsets.push_back(offset);
      layout.bytes.push_back(b);
      offset += b;
    }
    return layout;
  }

  const std::unique_ptr<driver::Bootstrap> bootstrap_;
  const std::unique_ptr<driver::Communicator> communicator_;
  const int64_t timeout_ms_;
};

}  // namespace

int32_t MakeNetCarrier(const ithaca_ulysses_net_options& options,
                       std::unique_ptr<Carrier>* carrier,
                       ithaca_ulysses_error* error) {
  const char* const path =
      options.plugin == nullptr ? kDefaultPlugin : options.plugin;
  auto plugin = driver::NetPlugin::Load(path, {});
  if (!plugin.ok())
    return FailWith("opening the net plugin", plugin.status(), error);
  driver::BootstrapOptions where;
  where.rank = options.rank;
  where.ranks = options.num_ranks;
  where.timeout_ms =
      options.timeout_ms == 0 ? kDefaultTimeoutMs : options.timeout_ms;
  auto bootstrap = driver::Bootstrap::Join(options.meeting, where);
  if (!bootstrap.ok())
    return FailWith("meeting the other ranks", bootstrap.status(), error);
  driver::CommunicatorOptions how;
  how.timeout_ms = where.timeout_ms;
  auto communicator =
      driver::Communicator::Create(*plugin, bootstrap->get(), how);
  if (!communicator.ok()) {
    return FailWith("connecting to the other ranks", communicator.status(),
                    error);
  }
  *carrier = std::make_unique<NetCarrier>(std::move(bootstrap).value(),
                                          std::move(communicator).value(),
                                          where.timeout_ms);
  return ITHACA_ULYSSES_OK;
}

}  // namespace ithaca::ulysses
