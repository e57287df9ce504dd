#include "plugin/perf/runner.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <utility>

#include "plugin/core/clock.h"
#include "plugin/driver/pattern.h"
#include "plugin/perf/host_id.h"
#include "plugin/perf/reading.h"
#include "plugin/perf/sizes.h"

namespace ithaca::perf {
namespace {

constexpr int64_t kShowAfterNs = 5 * kNsPerSecond;  // unless at a terminal
constexpr int64_t kShowEveryNs = kNsPerSecond;
constexpr char kPluginFile[] = "libnccl-net-ithaca.so";

std::string BesideThisProgram(const char* file) {
  char path[4096];
  const ssize_t n = readlink("/proc/self/exe", path, sizeof(path));
  const std::string self(path, n > 0 ? n : 0);
  return self.substr(0, self.rfind('/') + 1) + file;
}

}  // namespace

Runner::Runner(const Config& config)
    : config_(config),
      log_(config.verbose),
      clock_id_(ClockId()),
      network_id_(NetworkId()),
      rail_choice_(getenv("ITHACA_RAILS"), getenv("NCCL_SOCKET_IFNAME")) {}

Status Runner::Run() {
  if (!config_.counts_file.empty()) {
    auto counts = ReadCounts(config_.counts_file, config_.exchange);
    if (!counts.ok()) return counts.status();
    counts_ = std::move(counts).value();
    if (counts_.size() != static_cast<size_t>(config_.ranks)) {
      return Errorf(Code::kInvalidArgument,
                    "%s is for %zu ranks, and there are %d",
                    config_.counts_file.c_str(), counts_.size(), config_.ranks);
    }
  }
  ITHACA_RETURN_IF_ERROR(Meet());
  Report report(config_, stdout);
  Status status = Connect();
  if (status.ok()) {
    if (config_.rank == 0) report.Begin(Describe());
    status = RunCases(&report);
  }
  if (!status.ok()) {
    bootstrap_->Abort(status.message());
    if (comm_ != nullptr) (void)comm_->Close();
    return status;
  }
  if (config_.rank == 0) report.End();
  return comm_->Close();
}

Status Runner::Meet() {
  driver::BootstrapOptions options;
  options.rank = config_.rank;
  options.ranks = config_.ranks;
  options.timeout_ms = config_.timeout_ms;
  auto made = [&]() -> StatusOr<std::unique_ptr<driver::Bootstrap>> {
    if (config_.listen_fd < 0) {
      return driver::Bootstrap::Join(config_.rendezvous, options);
    }
    auto id = driver::RendezvousId::Parse(config_.rendezvous);
    if (!id.ok()) return id.status();
    return driver::Bootstrap::Serve(
        driver::BootstrapListener::Adopt(config_.listen_fd, *id), options);
  }();
  if (!made.ok()) return made.status();
  bootstrap_ = std::move(made).value();
  return Status();
}

Status Runner::Connect() {
  const int64_t start_ns = MonotonicClock().NowNs();
  driver::NetPluginOptions load;
  load.abi_version = config_.abi;
  load.log = config_.verbose ? &log_ : nullptr;
  const std::string path =
      config_.plugin.empty() ? BesideThisProgram(kPluginFile) : config_.plugin;
  auto plugin = driver::NetPlugin::Load(path, load);
  if (!plugin.ok()) return plugin.status();
  plugin_ = *plugin;
  auto comm =
      driver::Communicator::Create(plugin_, bootstrap_.get(), config_.driver);
  if (!comm.ok()) return comm.status();
  comm_ = std::move(comm).value();
  connect_ms_ =
      static_cast<double>(MonotonicClock().NowNs() - start_ns) / kNsPerMs;
  return Status();
}

Setup Runner::Describe() const {
  Setup setup;
  setup.plugin_name = plugin_->name();
  setup.plugin_path = plugin_->path();
  setup.abi = plugin_->abi_version();
  setup.abi_versions = plugin_->abi_versions();
  setup.device = comm_->device().name;
  setup.device_mbps = comm_->device().speed;
  setup.chunk_bytes = comm_->chunk_bytes();
  setup.ranks = config_.ranks;
  setup.connect_ms = connect_ms_;
  return setup;
}

Status Runner::RunCases(Report* report) {
  if (config_.counts_file.empty()) {
    for (size_t bytes : config_.bytes) {
      ITHACA_RETURN_IF_ERROR(RunCase(bytes, report));
    }
    return Status();
  }
  size_t total = 0;
  for (const auto& row : counts_) {
    for (size_t bytes : row) total += bytes;
  }
  return RunCase(total, report);
}

Status Runner::RunCase(size_t bytes, Report* report) {
  auto buffers = MakeBuffers(bytes);
  if (!buffers.ok()) return buffers.status();
  if (config_.driver.user_buffers) {
    ITHACA_RETURN_IF_ERROR(
        comm_->RegisterBuffer(buffers->send_base(), buffers->send_total()));
    ITHACA_RETURN_IF_ERROR(
        comm_->RegisterBuffer(buffers->recv_base(), buffers->recv_total()));
  }
  Status status = RunIterations(bytes, &*buffers, report);
  if (!status.ok()) {
    // Before the buffers go: what is in flight may still read and write them.
    bootstrap_->Abort(status.message());
    (void)comm_->Close();
    return status;
  }
  if (config_.driver.user_buffers) {
    ITHACA_RETURN_IF_ERROR(comm_->DeregisterBuffer(buffers->send_base()));
    ITHACA_RETURN_IF_ERROR(comm_->DeregisterBuffer(buffers->recv_base()));
  }
  return Status();
}

int Runner::Partner() const {
  const int partner = config_.rank ^ 1;
  return partner < config_.ranks ? partner : -1;
}

size_t Runner::PairBytes(int from, int to, size_t bytes) const {
  if (!counts_.empty()) return counts_[from][to];
  return to == 0 ? bytes * config_.skew : bytes;
}

StatusOr<Buffers> Runner::MakeBuffers(size_t bytes) const {
  const int n = config_.ranks, me = config_.rank;
  std::vector<size_t> send(n, 0), recv(n, 0);
  switch (config_.pattern) {
    case Pattern::kAllToAll:
      send.assign(n, bytes);
      recv.assign(n, bytes);
      break;
    case Pattern::kAllToAllv:
      for (int p = 0; p < n; ++p) {
        send[p] = PairBytes(me, p, bytes);
        recv[p] = PairBytes(p, me, bytes);
      }
      break;
    case Pattern::kSendRecv:
      send[(me + 1) % n] = bytes;
      recv[(me + n - 1) % n] = bytes;
      break;
    case Pattern::kLatency:
      // One buffer goes there and back: what returns must be what was sent.
      if (Partner() >= 0) recv[Partner()] = bytes;
      break;
  }
  if (!config_.own_share) send[me] = recv[me] = 0;
  return Buffers::Make(me, std::move(send), std::move(recv));
}

Status Runner::RunIterations(size_t bytes, Buffers* buffers, Report* report) {
  case_started_ns_ = last_shown_ns_ = MonotonicClock().NowNs();
  const int total = config_.warmup + config_.iters;
  std::vector<Iteration> all;
  for (int i = 0; i < total; ++i) {
    const bool measured = i >= config_.warmup;
    const bool checked = config_.verify == Verify::kAll ||
                         (config_.verify == Verify::kFirst && i == 0);
    const uint64_t number = iterations_++;
    auto mine = RunIteration(number, checked, bytes, buffers);
    if (!mine.ok()) return Where(mine.status(), bytes, i);
    auto iteration = Gather(*mine, measured);
    if (!iteration.ok()) return Where(iteration.status(), bytes, i);
    ShowProgress(bytes, i + 1);
    if (config_.rank != 0) continue;
    if (measured) report->AddIteration(bytes, i - config_.warmup, *iteration);
    all.push_back(std::move(iteration).value());
  }
  if (config_.rank != 0) return Status();
  const bool latency = config_.pattern == Pattern::kLatency;
  report->Add(bytes, Summarize(all, latency ? 2 * config_.round_trips : 1));
  return Status();
}

StatusOr<Sample> Runner::RunIteration(uint64_t number, bool checked,
                                      size_t bytes, Buffers* buffers) {
  if (checked) buffers->Prepare(number);
  const bool latency = config_.pattern == Pattern::kLatency;
  if (checked && latency && Partner() > config_.rank) {
    // The initiator starts with the pattern, the other side with its opposite.
    driver::FillPattern(buffers->recv(Partner()), bytes,
                        driver::PatternKey(number, Partner(), config_.rank));
  }
  if (config_.pause_ms > 0)
    std::this_thread::sleep_for(std::chrono::milliseconds(config_.pause_ms));
  const std::vector<RailBytes> rails_before = ReadRails();
  ITHACA_RETURN_IF_ERROR(bootstrap_->Barrier());
  const Reading before = Reading::Before(*comm_);
  driver::Stalls stalls;
  if (!latency || Partner() >= 0) {
    auto transfer = Start(bytes, *buffers);
    if (!transfer.ok()) return transfer.status();
    ITHACA_RETURN_IF_ERROR(transfer->Wait(
        config_.timeout_ms, [this] { return bootstrap_->CheckPeers(); }));
    stalls = transfer->stalls();
  }
  const Reading after = Reading::After(*comm_);
  Sample sample = Difference(before, after);
  sample.clock = clock_id_;
  sample.stalls = stalls;
  // Until all are done, somebody's bytes may still come and go here.
  ITHACA_RETURN_IF_ERROR(bootstrap_->Barrier());
  sample.network = network_id_;
  sample.rails = rail_choice_.Of(MovedBetween(rails_before, ReadRails()));
  if (checked) {
    ITHACA_RETURN_IF_ERROR(
        CheckIteration(number, *buffers, &sample.checked_bytes));
  }
  return sample;
}

StatusOr<Iteration> Runner::Gather(const Sample& mine, bool measured) {
  auto all = bootstrap_->AllGather(mine.Encode());
  if (!all.ok()) return all.status();
  if (config_.rank != 0) return Iteration();
  std::vector<Sample> ranks;
  for (const std::string& text : *all) {
    auto decoded = Sample::Decode(text);
    if (!decoded.ok()) return decoded.status();
    ranks.push_back(std::move(decoded).value());
  }
  return Combine(ranks, measured);
}

Status Runner::CheckIteration(uint64_t number, const Buffers& buffers,
                              uint64_t* checked_bytes) const {
  if (config_.pattern != Pattern::kLatency) {
    return buffers.Check(number, checked_bytes);
  }
  if (Partner() < 0) return Status();
  // Both sides hold the initiator's pattern now.
  const int initiator = std::min(config_.rank, Partner());
  const int other = std::max(config_.rank, Partner());
  const size_t bytes = buffers.recv_bytes(Partner());
  const size_t wrong =
      driver::CheckPattern(buffers.recv(Partner()), bytes,
                           driver::PatternKey(number, other, initiator));
  *checked_bytes += bytes;
  if (wrong == bytes) return Status();
  return Errorf(Code::kDataLoss, "byte %zu of %zu came back wrong from rank %d",
                wrong, bytes, Partner());
}

StatusOr<driver::Transfer> Runner::Start(size_t bytes, const Buffers& buffers) {
  const int n = config_.ranks, me = config_.rank;
  switch (config_.pattern) {
    case Pattern::kAllToAll:
    case Pattern::kAllToAllv:
      return StartPairs(buffers);
    case Pattern::kSendRecv: {
      const int next = (me + 1) % n, previous = (me + n - 1) % n;
      return comm_->SendRecv({next, buffers.send(next), bytes},
                             {previous, buffers.recv(previous), bytes});
    }
    case Pattern::kLatency:
      break;
  }
  return comm_->PingPong(Partner(), buffers.recv(Partner()), bytes,
                         config_.round_trips, me < Partner());
}

StatusOr<driver::Transfer> Runner::StartPairs(const Buffers& buffers) {
  // A plan's pair that has nothing to say sends no message; an all-to-all of
  // zero bytes sends one.
  const bool skip_empty = config_.pattern == Pattern::kAllToAllv;
  std::vector<driver::Outgoing> sends;
  std::vector<driver::Incoming> recvs;
  for (int p = 0; p < config_.ranks; ++p) {
    if (!skip_empty || buffers.send_bytes(p) > 0) {
      sends.push_back({p, buffers.send(p), buffers.send_bytes(p)});
    }
    if (!skip_empty || buffers.recv_bytes(p) > 0) {
      recvs.push_back({p, buffers.recv(p), buffers.recv_bytes(p)});
    }
  }
  return comm_->AllToAllv(sends, recvs);
}

void Runner::ShowProgress(size_t bytes, int done) {
  if (config_.rank != 0) return;
  const int64_t now_ns = MonotonicClock().NowNs();
  const bool terminal = isatty(STDERR_FILENO) == 1;
  if (now_ns - last_shown_ns_ < kShowEveryNs) return;
  if (!terminal && now_ns - case_started_ns_ < kShowAfterNs) return;
  last_shown_ns_ = now_ns;
  fprintf(stderr, "ithaca-perf: %s: %d of %d iterations, %.0f s\n",
          FormatBytes(bytes).c_str(), done, config_.warmup + config_.iters,
          static_cast<double>(now_ns - case_started_ns_) / kNsPerSecond);
}

Status Runner::Where(const Status& status, size_t bytes,
                     uint64_t iteration) const {
  if (status.ok()) return status;
  return Errorf(status.code(), "%s of %s, iteration %llu: %s",
                PatternName(config_.pattern), FormatBytes(bytes).c_str(),
                static_cast<unsigned long long>(iteration),
                status.message().c_str());
}

}  // namespace ithaca::perf
