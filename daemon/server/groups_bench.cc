// How fast groups form, and what it costs to tell many.
//
//   groups_bench [--members=100,1000,4000,10000] [--watchers=10000]
//                [--groups=100] [--connections=32] [--exits=200] > result.json
//
// Starts a daemon in a process of its own, plays all members and watchers from
// this one, and prints, as JSON on standard output and as lines on standard
// error:
//   form     one group of n, with all that members are told while it forms and
//            with quiet_formation; in ms from the first JoinGroup to the last
//            answer, from there to the moment at which all know that the group
//            is complete, and from one member's end until all others know
//   many     that many groups of 64, joined in turn
//   exits    a member that is a process ends, that many times in turn by
//            SIGKILL, by exit() and by exit with a child that keeps its
//            connection open: ms until each of 64 other members knows
//   fan_out  latency of single joins without and with watchers of the group,
//            events that watchers get per second, daemon's memory per watcher

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "daemon/server/bench_processes.h"
#include "daemon/server/group_load.h"
#include "daemon/server/member_process_for_test.h"

namespace ithaca::server {
namespace {

namespace v1 = groups::v1;
using Clock = std::chrono::steady_clock;
using Json = nlohmann::ordered_json;

struct Flags {
  std::vector<int> members{100, 1000, 4000, 10000};
  int watchers = 10'000;
  int groups = 100;
  int connections = 32;
  int exits = 200;
  // Lies beside this one.
  std::string member_program;
};

double MsSince(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start)
      .count();
}

double Rounded(double value) {
  return static_cast<double>(static_cast<int64_t>(value * 100)) / 100;
}

// What the members of one group have seen.
struct Seen {
  Tally joined;
  Tally complete;
  Tally lost;
  Tally messages;
  Tally bytes;
};

LoadStream::OnMessage Note(Seen* seen) {
  return [seen](const grpc::Slice& bytes) {
    Glance glance;
    if (!GlanceAt(bytes, &glance)) std::abort();
    seen->messages.Add();
    seen->bytes.Add(bytes.size());
    bool complete = glance.group_state == v1::GROUP_STATE_COMPLETE;
    for (const Glance::Event& event : glance.events) {
      complete = complete || event.type == v1::EVENT_TYPE_COMPLETE;
      if (event.type == v1::EVENT_TYPE_MEMBER_LOST) seen->lost.Add();
    }
    if (glance.joined) seen->joined.Add();
    if (complete) seen->complete.Add();
  };
}

v1::JoinGroupRequest JoinRequest(const std::string& group, int member,
                                 bool quiet) {
  v1::JoinGroupRequest request;
  request.set_group_id(group);
  request.set_member_id(absl::StrCat("m", member));
  request.set_quiet_formation(quiet);
  return request;
}

void Require(const grpc::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.error_message().c_str());
  std::exit(1);
}

class Bench {
 public:
  explicit Bench(const Flags& flags)
      : flags_(flags), connections_(daemon_.socket(), flags.connections) {}

  Json FormOne(int members, bool quiet) {
    const std::string group = "form";
    Require(CreateGroupOf(connections_.groups(), group, members));
    Seen seen;
    Streams streams;
    const double cpu = daemon_.CpuMs();
    const Clock::time_point start = Clock::now();
    for (int i = 0; i < members; ++i) {
      streams.Join(connections_.any(static_cast<size_t>(i)),
                   JoinRequest(group, i, quiet), Note(&seen));
    }
    const double issued = MsSince(start);
    seen.joined.WaitFor(static_cast<uint64_t>(members));
    const double joined = MsSince(start);
    seen.complete.WaitFor(static_cast<uint64_t>(members));
    const double formed = MsSince(start);
    const double formed_cpu = daemon_.CpuMs() - cpu;
    const auto messages = seen.messages.value(), bytes = seen.bytes.value();
    const Clock::time_point ended = Clock::now();
    streams.at(0)->Cancel();
    seen.lost.WaitFor(static_cast<uint64_t>(members) - 1);
    const double lost = MsSince(ended);
    Require(DeleteGroup(connections_.groups(), group));
    streams.Finish();
    return {{"members", members},
            {"quiet_formation", quiet},
            {"joins_per_s", Rounded(members / joined * 1e3)},
            {"last_join_issued_ms", Rounded(issued)},
            {"last_join_to_all_complete_ms",
             Rounded(std::max(0.0, formed - issued))},
            {"all_ms", Rounded(formed)},
            {"daemon_cpu_ms", Rounded(formed_cpu)},
            {"messages", messages},
            {"bytes", bytes},
            {"loss_seen_by_all_ms", Rounded(lost)}};
  }

  Json FormMany(int groups, int members) {
    const auto name = [](int i) { return absl::StrCat("many", i); };
    for (int i = 0; i < groups; ++i)
      Require(CreateGroupOf(connections_.groups(), name(i), members));
    Seen seen;
    Streams streams;
    const Clock::time_point start = Clock::now();
    for (int i = 0; i < groups * members; ++i) {
      streams.Join(connections_.any(static_cast<size_t>(i)),
                   JoinRequest(name(i % groups), i / groups, false),
                   Note(&seen));
    }
    const double issued = MsSince(start);
    seen.complete.WaitFor(static_cast<uint64_t>(groups * members));
    const double formed = MsSince(start);
    for (int i = 0; i < groups; ++i)
      Require(DeleteGroup(connections_.groups(), name(i)));
    streams.Finish();
    return {{"groups", groups},
            {"members", members},
            {"joins_per_s", Rounded(groups * members / formed * 1e3)},
            {"last_join_to_all_complete_ms", Rounded(formed - issued)}};
  }

  // Of each way to end every third run.
  std::vector<Json> Exits(int runs) {
    constexpr int kOthers = 64;
    Require(CreateGroupOf(connections_.groups(), "exits", kOthers + 1));
    Seen seen;
    Streams others;
    for (int i = 0; i < kOthers; ++i) {
      others.Join(connections_.any(static_cast<size_t>(i)),
                  JoinRequest("exits", i, false), Note(&seen));
    }
    seen.joined.WaitFor(kOthers);
    const char* const kWays[] = {"sigkill", "exit", "exit_with_child"};
    std::vector<double> latency[3];
    for (int run = 0; run < runs; ++run) {
      MemberProcess member(flags_.member_program, daemon_.socket(), "exits",
                           "process");
      if (!member.joined()) std::exit(1);
      const Clock::time_point asked = Clock::now();
      if (run % 3 == 0) member.Signal(SIGKILL);
      if (run % 3 == 1) member.Exit();
      if (run % 3 == 2) member.LeaveConnectionToChild();
      seen.lost.WaitFor(kOthers * (static_cast<uint64_t>(run) + 1));
      latency[run % 3].push_back(MsSince(asked));
    }
    Require(DeleteGroup(connections_.groups(), "exits"));
    others.Finish();
    std::vector<Json> rows;
    for (int way = 0; way < 3; ++way) {
      std::vector<double>& times = latency[way];
      if (times.empty()) continue;
      std::sort(times.begin(), times.end());
      rows.push_back({{"way", kWays[way]},
                      {"runs", times.size()},
                      {"p50_ms", Rounded(times[times.size() / 2])},
                      {"p99_ms", Rounded(times[times.size() * 99 / 100])},
                      {"max_ms", Rounded(times.back())}});
    }
    return rows;
  }

  // Single joins, one after another, each until its answer; the watchers are
  // another process, as they are in life.
  Json FanOut(int watchers, int joins) {
    const std::string group = absl::StrCat("fan", watchers);
    Require(CreateGroupOf(connections_.groups(), group, joins + 1));
    const int64_t before = daemon_.ResidentBytes();
    const Clock::time_point open = Clock::now();
    WatcherProcess crowd(
        {daemon_.socket(), group, watchers, joins, flags_.connections});
    crowd.WaitUntilThere();
    const double opened = MsSince(open);
    const int64_t per_watcher =
        watchers == 0 ? 0 : (daemon_.ResidentBytes() - before) / watchers;
    Seen seen;
    Streams joining;
    std::vector<double> latency;
    const double cpu = daemon_.CpuMs();
    const Clock::time_point start = Clock::now();
    for (int i = 0; i < joins; ++i) {
      const Clock::time_point asked = Clock::now();
      joining.Join(connections_.any(static_cast<size_t>(i)),
                   JoinRequest(group, i, true), Note(&seen));
      seen.joined.WaitFor(static_cast<uint64_t>(i) + 1);
      latency.push_back(MsSince(asked));
    }
    crowd.WaitUntilTold();
    const double told = MsSince(start);
    const double told_cpu = daemon_.CpuMs() - cpu;
    Require(DeleteGroup(connections_.groups(), group));
    joining.Finish();
    std::sort(latency.begin(), latency.end());
    return {{"watchers", watchers},
            {"joins", joins},
            {"watches_opened_per_s", Rounded(watchers / opened * 1e3)},
            {"join_p50_ms", Rounded(latency[latency.size() / 2])},
            {"join_p99_ms", Rounded(latency[latency.size() * 99 / 100])},
            {"join_max_ms", Rounded(latency.back())},
            {"events_per_s",
             Rounded(static_cast<double>(watchers) * joins / told * 1e3)},
            {"daemon_cpu_ms", Rounded(told_cpu)},
            {"bytes_per_watcher", per_watcher}};
  }

  Json Run() {
    Json result;
    result["connections"] = flags_.connections;
    const auto note = [&result](const char* kind, const Json& row) {
      std::fprintf(stderr, "%-8s %s\n", kind, row.dump().c_str());
      result[kind].push_back(row);
    };
    FormOne(64, false);
    // First, while what the daemon holds is what the watchers cost.
    for (int watchers : {0, flags_.watchers})
      note("fan_out", FanOut(watchers, 500));
    for (int members : flags_.members) {
      for (bool quiet : {false, true}) note("form", FormOne(members, quiet));
    }
    note("many", FormMany(flags_.groups, 64));
    for (const Json& row : Exits(flags_.exits)) note("exits", row);
    return result;
  }

 private:
  const Flags flags_;
  DaemonProcess daemon_;
  Connections connections_;
};

bool Parse(int argc, char** argv, Flags* flags) {
  const std::string self = argv[0];
  flags->member_program = absl::StrCat(self.substr(0, self.rfind('/') + 1),
                                       "group_member_for_test");
  for (int i = 1; i < argc; ++i) {
    absl::string_view rest = argv[i];
    if (absl::ConsumePrefix(&rest, "--members=")) {
      flags->members.clear();
      for (absl::string_view number : absl::StrSplit(rest, ',')) {
        int members = 0;
        if (!absl::SimpleAtoi(number, &members) || members < 2) return false;
        flags->members.push_back(members);
      }
    } else if (absl::ConsumePrefix(&rest, "--watchers=")) {
      if (!absl::SimpleAtoi(rest, &flags->watchers)) return false;
    } else if (absl::ConsumePrefix(&rest, "--groups=")) {
      if (!absl::SimpleAtoi(rest, &flags->groups)) return false;
    } else if (absl::ConsumePrefix(&rest, "--exits=")) {
      if (!absl::SimpleAtoi(rest, &flags->exits)) return false;
    } else if (absl::ConsumePrefix(&rest, "--connections=")) {
      if (!absl::SimpleAtoi(rest, &flags->connections)) return false;
    } else {
      return false;
    }
  }
  return flags->watchers >= 0 && flags->groups > 0 && flags->connections > 0;
}

}  // namespace
}  // namespace ithaca::server

int main(int argc, char** argv) {
  if (ithaca::server::IsWatcherProcess(argc, argv))
    return ithaca::server::RunWatchers(argv);
  ithaca::server::Flags flags;
  if (!ithaca::server::Parse(argc, argv, &flags)) {
    std::fprintf(stderr,
                 "usage: groups_bench [--members=N,...] [--watchers=N] "
                 "[--groups=N] [--connections=N] [--exits=N]\n");
    return 2;
  }
  ithaca::server::Bench bench(flags);
  std::printf("%s\n", bench.Run().dump(2).c_str());
  return 0;
}
