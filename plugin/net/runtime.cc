#include "plugin/net/runtime.h"

#include <pthread.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "plugin/shm/host_identity.h"
#include "plugin/socket/interfaces.h"

namespace ithaca::net {

void NcclLogSink::Write(LogLevel level, const char* file, int line,
                        const char* text) {
  const abi::Logger logger = logger_.load();
  if (logger == nullptr)
    return StderrLogSink(/*verbose=*/false).Write(level, file, line, text);
  const abi::DebugLevel nccl_level =
      level == LogLevel::kWarn   ? abi::DebugLevel::kWarn
      : level == LogLevel::kInfo ? abi::DebugLevel::kInfo
                                 : abi::DebugLevel::kTrace;
  logger(nccl_level, abi::kSubsysNet, file, line, "%s", text);
}

Runtime& Runtime::Get() {
  static Runtime* const runtime = new Runtime;
  return *runtime;
}

Runtime::Runtime() {
  pthread_atfork(nullptr, nullptr, [] { Runtime::Get().forked_.store(true); });
}

const std::vector<Device>& Runtime::devices() const {
  static const auto* const none = new std::vector<Device>;
  return ready_.load(std::memory_order_acquire) ? devices_ : *none;
}

// NCCL hands an all-to-all to the network in chunks of 128 KiB; what a message
// costs beside its bytes is felt there. Read by NCCL after this (computed with
// the communicator's buffers), so set here, as other plugins do.
void Runtime::SetNcclDefaults() {
  constexpr char kName[] = "NCCL_P2P_NET_CHUNKSIZE", kValue[] = "524288";
  if (getenv(kName) != nullptr || setenv(kName, kValue, 0) != 0) return;
  ITHACA_INFO(log_, "ithaca: set %s=%s; set it yourself to have another", kName,
              kValue);
}

Status Runtime::Discover() {
  StatusOr<Options> options = Options::FromEnvironment(environ);
  if (!options.ok()) return options.status();
  StatusOr<std::vector<Interface>> interfaces = DiscoverInterfaces();
  if (!interfaces.ok()) return interfaces.status();
  StatusOr<std::vector<Rail>> rails = SelectRails(*interfaces, *options);
  if (!rails.ok()) return rails.status();
  options_ = *options;
  rails_ = *rails;
  host_ = options_.shm ? HostIdentity(options_.host_id) : 0;
  devices_ = MakeDevices(rails_, options_);
  OpenPage();
  std::string names;
  for (const Device& device : devices_)
    names += (names.empty() ? "" : ", ") + device.name;
  ITHACA_INFO(log_, "ithaca: %zu device(s): %s", devices_.size(),
              names.c_str());
  SetNcclDefaults();
  ready_.store(true, std::memory_order_release);
  return Status();
}

// Without a page, a job works; its processes only do not know of each other.
void Runtime::OpenPage() {
  const StatusOr<std::string> folder = nodepage::RunDir(options_.run_dir);
  StatusOr<std::shared_ptr<nodepage::NodePage>> page =
      folder.ok()
          ? nodepage::NodePage::Open(*folder)
          : StatusOr<std::shared_ptr<nodepage::NodePage>>(folder.status());
  if (page.ok())
    page_ = std::move(page).value();
  else
    ITHACA_INFO(log_, "ithaca: no credit ledger for this node: %s",
                page.status().ToString().c_str());
}

StatusOr<std::unique_ptr<LaneBackend>> Runtime::MakeUcx() {
  if (options_.lanes == Options::Lanes::kUcx)
    return MakeUcxBackend(rails_, &log_);
  ITHACA_INFO(log_, "ithaca: lanes are plain TCP sockets%s",
              host_ != 0 ? ", and shared memory on this host" : "");
  return std::unique_ptr<LaneBackend>();
}

StatusOr<std::shared_ptr<Engine>> Runtime::NewEngine(uint64_t comm_id,
                                                     abi::Logger logger) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (logger != nullptr) log_.SetLogger(logger);
  if (!ready_.load()) ITHACA_RETURN_IF_ERROR(Discover());
  StatusOr<std::unique_ptr<LaneBackend>> ucx = MakeUcx();
  if (!ucx.ok()) return ucx.status();
  return Engine::Create(
      {options_, rails_, comm_id, host_, &MonotonicClock(), &log_, page_,
       &caretaker_},
      std::move(ucx).value());
}

}  // namespace ithaca::net
