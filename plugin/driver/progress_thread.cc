#include "plugin/driver/progress_thread.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <utility>
#include <vector>

#include "plugin/core/clock.h"
#include "plugin/driver/gpu_copy.h"

namespace ithaca::driver {
namespace {

constexpr int kPollsPerLook = 8;  // NCCL_PROGRESS_APPENDOP_FREQ
constexpr size_t kCopyPiece = 128 << 10;

}  // namespace

struct ProgressThread::Shared {
  std::mutex mutex;
  std::condition_variable to_thread;
  std::condition_variable from_thread;
  std::deque<std::shared_ptr<Operation>> submitted;  // guarded by mutex
  Status stop_reason;                                // guarded by mutex
  Status status;                                     // guarded by mutex
  bool exited = false;                               // guarded by mutex
  uint64_t asked = 0;                                // guarded by mutex
  uint64_t answered = 0;                             // guarded by mutex
  std::string description;                           // guarded by mutex
  // Set with any of the above that the thread must look at.
  std::atomic<bool> news{false};
};

class ProgressThread::Loop {
 public:
  Loop(std::shared_ptr<Shared> shared, std::shared_ptr<Core> core)
      : shared_(std::move(shared)),
        core_(std::move(core)),
        lanes_(size_t{2} * core_->options.channels) {}

  void Run() {
    int polls = 0;
    while (status_.ok()) {
      bool idle = true;
      status_ = PollAll(&idle);
      if (!idle) NoteProgress();
      if (idle || ++polls >= kPollsPerLook) {
        polls = 0;
        // NCCL yields here even when the last poll moved something.
        if (status_.ok() && !LookForNews()) sched_yield();
      }
    }
    FailAll();
  }

 private:
  struct Running {
    std::shared_ptr<Operation> operation;
    Batch batch;
    bool announced = false;
  };
  struct Copying {
    std::shared_ptr<Operation> operation;
    LocalCopy copy;
    size_t done = 0;
  };

  static int64_t NowNs() { return MonotonicClock().NowNs(); }

  void NoteProgress() {
    if (operations_.empty()) return;
    const int64_t now_ns = NowNs();
    for (const auto& operation : operations_) {
      operation->stall_meter.Progress(now_ns);
    }
  }

  Status PollAll(bool* idle) {
    for (auto& lane : lanes_) {
      if (lane.empty()) continue;
      Running& running = *lane.front();
      if (!std::exchange(running.announced, true)) SetNetAttr(running);
      ITHACA_RETURN_IF_ERROR(running.batch.Progress(core_.get(), idle));
      if (!running.batch.finished()) continue;
      std::shared_ptr<Operation> operation = std::move(running.operation);
      lane.pop_front();
      OneDone(operation);
    }
    if (!copies_.empty()) CopyPiece(idle);
    return Status();
  }

  void CopyPiece(bool* idle) {
    Copying& c = copies_.front();
    const size_t bytes = std::min(kCopyPiece, c.copy.bytes - c.done);
    CopyAsGpu(&core_->counters, c.copy.to + c.done, c.copy.from + c.done,
              bytes);
    core_->counters.local_bytes.Add(bytes);
    c.done += bytes;
    *idle = false;
    if (c.done < c.copy.bytes) return;
    std::shared_ptr<Operation> operation = std::move(c.operation);
    copies_.pop_front();
    OneDone(operation);
  }

  void OneDone(const std::shared_ptr<Operation>& operation) {
    if (--operation->outstanding == 0) StartStages(operation);
  }

  // The next stage that has anything in it, or the end.
  void StartStages(const std::shared_ptr<Operation>& operation) {
    Operation& op = *operation;
    while (op.stages_started < op.stages_to_run) {
      const Stage& stage = op.stages[op.stages_started++ % op.stages.size()];
      for (const BatchPlan& plan : stage.batches) {
        auto running = std::unique_ptr<Running>(new Running{
            operation, Batch(plan.sends, plan.channel, plan.parts)});
        lanes_[2 * plan.channel + (plan.sends ? 0 : 1)].push_back(
            std::move(running));
      }
      for (const LocalCopy& copy : stage.copies) {
        copies_.push_back({operation, copy, 0});
      }
      op.outstanding =
          static_cast<int>(stage.batches.size() + stage.copies.size());
      if (op.outstanding > 0) return;
    }
    operations_.erase(
        std::find(operations_.begin(), operations_.end(), operation));
    operation->stall_meter.Progress(NowNs());
    operation->Finish(Status());
  }

  // The hint that NCCL gives from v11 on: only when it changed.
  void SetNetAttr(const Running& running) {
    abi::NetAttrV12 attr = attr_;
    abi::NetCommAttrV12& side =
        running.batch.sends() ? attr.sendCommAttr : attr.recvCommAttr;
    side.maxConcurrentPeers = side.minConcurrentPeers = running.batch.peers();
    side.maxFlowsPerPeer = side.minFlowsPerPeer = core_->options.channels;
    attr.op = running.operation->op_bits;
    if (memcmp(&attr, &attr_, sizeof(attr)) == 0) return;
    attr_ = attr;
    // Advice: NCCL does not look at what it returns.
    (void)core_->api().SetNetAttr(core_->context->ctx(), &attr);
  }

  // Takes new operations; sleeps while there is nothing to do. True when there
  // was anything.
  bool LookForNews() {
    if (!operations_.empty() &&
        !shared_->news.load(std::memory_order_acquire)) {
      return false;
    }
    std::vector<std::shared_ptr<Operation>> fresh;
    {
      std::unique_lock<std::mutex> lock(shared_->mutex);
      shared_->to_thread.wait(lock, [this] {
        return !operations_.empty() || shared_->news.load();
      });
      shared_->news.store(false);
      status_ = shared_->stop_reason;
      Answer();
      fresh.assign(shared_->submitted.begin(), shared_->submitted.end());
      shared_->submitted.clear();
    }
    for (auto& operation : fresh) {
      operations_.push_back(operation);
      operation->stall_meter.Start(NowNs());
      StartStages(operation);
    }
    return !fresh.empty();
  }

  // REQUIRES: the lock is held.
  void Answer() {
    if (shared_->answered == shared_->asked) return;
    shared_->answered = shared_->asked;
    shared_->description.clear();
    for (const auto& lane : lanes_) {
      if (lane.empty()) continue;
      if (!shared_->description.empty()) shared_->description += "; ";
      shared_->description += lane.front()->batch.Describe();
    }
    shared_->from_thread.notify_all();
  }

  void FailAll() {
    NoteProgress();  // the wait that failed counts
    std::deque<std::shared_ptr<Operation>> left(operations_.begin(),
                                                operations_.end());
    {
      std::lock_guard<std::mutex> lock(shared_->mutex);
      shared_->status = status_;
      shared_->exited = true;
      Answer();
      left.insert(left.end(), shared_->submitted.begin(),
                  shared_->submitted.end());
      shared_->submitted.clear();
    }
    for (auto& operation : left) operation->Finish(status_);
    shared_->from_thread.notify_all();
  }

  const std::shared_ptr<Shared> shared_;
  const std::shared_ptr<Core> core_;
  Status status_;
  std::vector<std::shared_ptr<Operation>> operations_;
  // [2 * channel + (sends ? 0 : 1)]; the front one runs.
  std::vector<std::deque<std::unique_ptr<Running>>> lanes_;
  std::deque<Copying> copies_;
  abi::NetAttrV12 attr_ = {
      {abi::kUndefined, abi::kUndefined, abi::kUndefined, abi::kUndefined},
      {abi::kUndefined, abi::kUndefined, abi::kUndefined, abi::kUndefined},
      ~0u,
      ~0u,
      ~0u};
};

ProgressThread::ProgressThread(std::shared_ptr<Core> core)
    : shared_(std::make_shared<Shared>()), core_(std::move(core)) {
  thread_ = std::thread([shared = shared_, core = core_] {
    pthread_setname_np(pthread_self(), "ithaca progress");
    Loop(shared, core).Run();
  });
}

ProgressThread::~ProgressThread() {
  (void)Stop(Errorf(Code::kUnavailable, "the communicator was closed"), 5'000);
}

void ProgressThread::Submit(const std::shared_ptr<Operation>& operation) {
  Status status;
  {
    std::lock_guard<std::mutex> lock(shared_->mutex);
    status = shared_->status.ok() ? shared_->stop_reason : shared_->status;
    if (status.ok()) {
      shared_->submitted.push_back(operation);
      shared_->news.store(true, std::memory_order_release);
    }
  }
  if (!status.ok()) {
    operation->Finish(status);
    return;
  }
  shared_->to_thread.notify_one();
}

bool ProgressThread::Stop(Status reason, int64_t limit_ms) {
  if (left_behind_) return false;
  {
    std::unique_lock<std::mutex> lock(shared_->mutex);
    if (shared_->stop_reason.ok()) shared_->stop_reason = std::move(reason);
    shared_->news.store(true);
    shared_->to_thread.notify_one();
    shared_->from_thread.wait_for(lock, std::chrono::milliseconds(limit_ms),
                                  [this] { return shared_->exited; });
    if (!shared_->exited) {
      thread_.detach();
      left_behind_ = true;
      return false;
    }
  }
  if (thread_.joinable()) thread_.join();
  return true;
}

Status ProgressThread::status() const {
  std::lock_guard<std::mutex> lock(shared_->mutex);
  return shared_->status;
}

std::string ProgressThread::Describe(int64_t limit_ms) {
  std::unique_lock<std::mutex> lock(shared_->mutex);
  if (shared_->exited) return shared_->status.message();
  const uint64_t question = ++shared_->asked;
  shared_->news.store(true);
  shared_->to_thread.notify_one();
  const bool answered = shared_->from_thread.wait_for(
      lock, std::chrono::milliseconds(limit_ms),
      [&] { return shared_->answered >= question; });
  if (answered) return shared_->description;
  const char* call = core_->progress_call.load();
  return std::string("the plugin does not return from ") +
         (call == nullptr ? "a call" : call);
}

}  // namespace ithaca::driver
