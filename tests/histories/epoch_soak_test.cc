// Epochs and incarnations never repeat and never go back while ithacad is
// killed at random moments and its store is put back from older copies of it,
// without anybody telling it so.
//
// EPOCH_KILLS: how often (default 60).
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <random>
#include <thread>

#include "absl/strings/str_cat.h"
#include "ithaca/groups/v1/groups.grpc.pb.h"
#include "tests/histories/daemon_process.h"
#include "tests/histories/epoch_ledger.h"
#include "tests/histories/group_actor.h"
#include "tests/histories/group_seen.h"

namespace ithaca::histories {
namespace {

namespace v1 = groups::v1;
using std::chrono::milliseconds;

int Kills() {
  const char* kills = std::getenv("EPOCH_KILLS");
  return kills == nullptr ? 60 : std::atoi(kills);
}

// Copies of the store, taken and put back while nobody has it open.
class Copies {
 public:
  explicit Copies(std::string run_dir) : run_dir_(std::move(run_dir)) {}

  void Take(int number) {
    const std::string copy = absl::StrCat(run_dir_, "/copy", number);
    std::filesystem::remove_all(copy);
    std::filesystem::create_directory(copy);
    for (const auto& file : std::filesystem::directory_iterator(run_dir_)) {
      if (IsStore(file)) std::filesystem::copy(file, copy);
    }
  }
  // False: there is no such copy.
  bool PutBack(int number) {
    const std::string copy = absl::StrCat(run_dir_, "/copy", number);
    if (!std::filesystem::exists(copy)) return false;
    for (const auto& file : std::filesystem::directory_iterator(run_dir_)) {
      if (IsStore(file)) std::filesystem::remove(file);
    }
    std::filesystem::copy(copy, run_dir_,
                          std::filesystem::copy_options::overwrite_existing);
    return true;
  }

 private:
  static bool IsStore(const std::filesystem::directory_entry& file) {
    return file.is_regular_file() &&
           file.path().filename().string().rfind("store.db", 0) == 0;
  }
  const std::string run_dir_;
};

// Makes epochs and incarnations as fast as it can, with whatever daemon is
// there.
class Client {
 public:
  Client(const std::string& socket, int number, std::atomic<int>* lineage,
         std::mutex* mutex, EpochLedger* epochs, EpochLedger* incarnations)
      : socket_(socket),
        number_(number),
        lineage_(lineage),
        mutex_(mutex),
        epochs_(epochs),
        incarnations_(incarnations) {}

  void Run(const std::atomic<bool>& stop) {
    while (!stop) {
      if (!CanConnect(socket_)) {
        std::this_thread::sleep_for(milliseconds(1));
        continue;
      }
      const auto channel = ActorChannel(socket_);
      stub_ = v1::GroupsService::NewStub(channel);
      while (!stop && Once()) {
      }
    }
  }

 private:
  // False: the daemon is gone.
  bool Once() {
    // A store that was put back may know older states of older groups.
    group_ =
        absl::StrCat("g", number_, "-", lineage_->load(), "-", ++count_ % 4);
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + milliseconds(1000));
    v1::CreateGroupRequest create;
    create.set_group_id(group_);
    if (plan_.ranks_size() > 0) {
      *create.mutable_plan() = plan_;
    } else {
      auto* request = create.mutable_plan_request();
      request->mutable_model()->set_hidden_size(64);
      request->mutable_model()->set_query_heads(2);
      request->mutable_workload()->set_sequence_length(16);
      request->mutable_constraints()->set_ranks(2);
      create.set_include_plan(true);
    }
    v1::CreateGroupResponse created;
    const int64_t call_ns = NowNs();
    const auto status = stub_->CreateGroup(&context, create, &created);
    if (!status.ok()) return Answered(status);
    if (created.group().has_plan()) plan_ = created.group().plan();
    Note(epochs_, created.created(), created.group().epoch(), group_, call_ns);
    return JoinAndLeave();
  }

  bool JoinAndLeave() {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + milliseconds(1000));
    v1::JoinGroupRequest join;
    join.set_group_id(group_);
    join.set_member_id(absl::StrCat("m", ++count_));
    v1::JoinGroupResponse joined;
    int64_t call_ns = NowNs();
    auto reader = stub_->JoinGroup(&context, join);
    if (!reader->Read(&joined)) return Answered(reader->Finish());
    const uint64_t incarnation = joined.joined().incarnation();
    Note(epochs_, false, joined.group().epoch(), group_, call_ns);
    Note(incarnations_, true, incarnation,
         absl::StrCat(group_, "/", join.member_id()), call_ns);
    v1::LeaveGroupRequest leave;
    leave.mutable_fence()->set_group_id(group_);
    leave.mutable_fence()->set_epoch(joined.group().epoch());
    leave.mutable_fence()->set_member_id(join.member_id());
    leave.mutable_fence()->set_incarnation(incarnation);
    grpc::ClientContext leaving;
    leaving.set_deadline(std::chrono::system_clock::now() + milliseconds(1000));
    v1::LeaveGroupResponse left;
    call_ns = NowNs();
    const auto status = stub_->LeaveGroup(&leaving, leave, &left);
    if (status.ok()) Note(epochs_, true, left.epoch(), group_, call_ns);
    context.TryCancel();
    reader->Finish();
    return Answered(status);
  }

  static bool Answered(const grpc::Status& status) {
    return status.error_code() != grpc::StatusCode::UNAVAILABLE &&
           status.error_code() != grpc::StatusCode::CANCELLED;
  }

  void Note(EpochLedger* ledger, bool made, uint64_t number,
            const std::string& owner, int64_t call_ns) {
    const int64_t now = NowNs();
    std::lock_guard<std::mutex> lock(*mutex_);
    if (made) {
      ledger->Made(number, owner, call_ns, now);
    } else {
      ledger->Saw(number, owner, call_ns, now);
    }
  }

  const std::string socket_;
  const int number_;
  std::atomic<int>* const lineage_;
  std::mutex* const mutex_;
  EpochLedger* const epochs_;
  EpochLedger* const incarnations_;
  std::unique_ptr<v1::GroupsService::Stub> stub_;
  planner::v1::Plan plan_;
  std::string group_;
  uint64_t count_ = 0;
};

TEST(EpochSoakTest, NumbersNeverRepeatOrGoBack) {
  const uint64_t seed = std::random_device()();
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  std::mt19937_64 random(seed);
  DaemonProcess::Options options;
  // In memory where that is possible: a killed process leaves the same there.
  options.run_dir = ShortFolder("/dev/shm");
  options.arguments = {"--member_grace=1s"};
  DaemonProcess daemon(options);
  Copies copies(options.run_dir);

  std::mutex mutex;
  EpochLedger epochs, incarnations;
  std::atomic<int> lineage{0};
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&, i] {
      Client(daemon.socket(), i, &lineage, &mutex, &epochs, &incarnations)
          .Run(stop);
    });
  }
  const auto seen = [&] {
    std::lock_guard<std::mutex> lock(mutex);
    return epochs.size();
  };
  int restores = 0, early = 0;
  for (int i = 0; i < Kills() && !testing::Test::HasFailure(); ++i) {
    EXPECT_TRUE(daemon.Start().ok());
    // Now and then it is killed before it serves; else in the middle of a call,
    // some calls later.
    if (random() % 10 == 0) {
      ++early;
    } else {
      EXPECT_TRUE(daemon.WaitUntilServing()) << daemon.LogText();
      const size_t wanted = seen() + random() % 12;
      for (int ms = 0; ms < 1000 && seen() <= wanted; ++ms)
        std::this_thread::sleep_for(milliseconds(1));
    }
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 10'000));
    daemon.Kill();
    if (random() % 5 == 0) copies.Take(static_cast<int>(random() % 5));
    if (random() % 8 == 0 && copies.PutBack(static_cast<int>(random() % 5))) {
      ++restores;
      ++lineage;
    }
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  std::printf(
      "%d kills, %d of them before it served, %d restores; %zu epochs "
      "and %zu incarnations seen\n",
      Kills(), early, restores, epochs.size(), incarnations.size());
  size_t shown = 0;
  for (const EpochLedger* ledger : {&epochs, &incarnations}) {
    for (const std::string& violation : ledger->Check()) {
      if (++shown <= 20) ADD_FAILURE() << violation;
    }
  }
  EXPECT_EQ(shown, 0u);
  EXPECT_GT(epochs.size(), static_cast<size_t>(Kills()));
  std::filesystem::remove_all(options.run_dir);
}

}  // namespace
}  // namespace ithaca::histories
