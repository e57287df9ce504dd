// Many groups, members and watchers at once: everybody is told everything once
// and in order.

#include <gtest/gtest.h>

#include <algorithm>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/server/daemon_for_test.h"
#include "daemon/server/group_load.h"

namespace ithaca::server {
namespace {

namespace v1 = groups::v1;

#ifdef ITHACA_SANITIZED
constexpr int kGroups = 25;
#else
constexpr int kGroups = 100;
#endif
constexpr int kMembers = 10;
constexpr int kWatchers = 20;

// One stream's reader, which checks what it is told.
class Follower {
 public:
  // A watcher that goes on after event `after`, or a member.
  explicit Follower(uint64_t after = 0, bool quiet = false)
      : quiet_(quiet), resumes_(after != 0), last_(after) {}

  LoadStream::OnMessage Function(bool member) {
    return [this, member](const grpc::Slice& bytes) { Read(bytes, member); };
  }
  // Until it knows all events up to this one.
  void WaitFor(uint64_t sequence) {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [&] { return !quiet_ && last_ >= sequence; });
    EXPECT_EQ(last_, sequence);
  }
  void WaitUntilJoined() {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [&] { return joined_; });
  }
  // Whole groups that it was sent.
  int groups() {
    std::lock_guard<std::mutex> lock(mutex_);
    return groups_;
  }

 private:
  void Read(const grpc::Slice& bytes, bool member) {
    const int size = static_cast<int>(bytes.size());
    std::lock_guard<std::mutex> lock(mutex_);
    if (member) {
      v1::JoinGroupResponse message;
      ASSERT_TRUE(message.ParseFromArray(bytes.begin(), size));
      joined_ = joined_ || message.has_joined();
      ASSERT_TRUE(joined_);
      Check(message);
    } else {
      v1::WatchGroupResponse message;
      ASSERT_TRUE(message.ParseFromArray(bytes.begin(), size));
      Check(message);
      if (message.has_bookmark()) {
        EXPECT_EQ(message.bookmark(), last_);
      }
    }
    changed_.notify_all();
  }

  template <typename Message>
  void Check(const Message& message) {
    if (message.has_group()) CheckGroup(message.group());
    for (const v1::GroupEvent& event : message.events()) {
      // What a group in the same message contains may come once more.
      if (message.has_group() && event.sequence() <= last_) continue;
      if (quiet_) {
        EXPECT_GT(event.sequence(), last_);
        EXPECT_TRUE(event.type() == v1::EVENT_TYPE_MEMBER_LOST ||
                    event.type() == v1::EVENT_TYPE_MEMBER_LEFT ||
                    event.type() == v1::EVENT_TYPE_DELETED)
            << event.ShortDebugString();
      } else {
        EXPECT_EQ(event.sequence(), last_ + 1);
      }
      last_ = event.sequence();
    }
  }

  void CheckGroup(const v1::Group& group) {
    EXPECT_FALSE(resumes_ && groups_ == 0) << "a resumed watch began anew";
    ++groups_;
    EXPECT_GE(group.sequence(), last_);
    last_ = group.sequence();
    const bool complete = group.state() == v1::GROUP_STATE_COMPLETE;
    if (complete) quiet_ = false;
    const int present = quiet_ ? 0 : static_cast<int>(group.size());
    if (!quiet_ && !complete) return;
    EXPECT_EQ(group.members_size(), present);
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  // Below: guarded by mutex_.
  bool quiet_;
  const bool resumes_;
  bool joined_ = false;
  uint64_t last_;
  int groups_ = 0;
};

v1::JoinGroupRequest JoinRequest(const std::string& group,
                                 const std::string& member, bool quiet) {
  v1::JoinGroupRequest request;
  request.set_group_id(group);
  request.set_member_id(member);
  request.set_quiet_formation(quiet);
  return request;
}

class Crowd {
 public:
  explicit Crowd(const std::string& socket) : connections_(socket, 16) {}

  Follower* Join(int group, const std::string& member, bool quiet) {
    followers_.push_back(std::make_unique<Follower>(0, quiet));
    members_.Join(connections_.any(next_++),
                  JoinRequest(Name(group), member, quiet),
                  followers_.back()->Function(true));
    return followers_.back().get();
  }
  Follower* Watch(int group, uint64_t after) {
    followers_.push_back(std::make_unique<Follower>(after));
    watchers_.Watch(connections_.any(next_++), Name(group), after,
                    followers_.back()->Function(false));
    return followers_.back().get();
  }
  LoadStream* member(size_t i) { return members_.at(i); }
  size_t members() const { return members_.size(); }
  v1::GroupsService::Stub* stub() { return connections_.groups(); }
  static std::string Name(int group) { return absl::StrCat("g", group); }

 private:
  Connections connections_;
  size_t next_ = 0;
  std::vector<std::unique_ptr<Follower>> followers_;
  Streams members_;
  Streams watchers_;
};

TEST(GroupsScale, EverybodyIsToldEverythingOnceAndInOrder) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  DaemonForTest daemon;
  daemon.Start();
  Crowd crowd(daemon.socket());
  for (int g = 0; g < kGroups; ++g) {
    const grpc::Status made =
        CreateGroupOf(crowd.stub(), Crowd::Name(g), kMembers);
    ASSERT_TRUE(made.ok()) << made.error_message();
  }
  // Half of the watchers are there from the beginning.
  struct Listener {
    int group;
    Follower* follower;
  };
  std::vector<Listener> all;
  for (int i = 0; i < kGroups * kWatchers / 2; ++i)
    all.push_back({i % kGroups, crowd.Watch(i % kGroups, 0)});
  struct Place {
    int group;
    int member;
  };
  std::vector<Place> places;
  for (int i = 0; i < kGroups * kMembers; ++i)
    places.push_back({i % kGroups, i / kGroups});
  std::shuffle(places.begin(), places.end(), random);
  std::vector<std::vector<size_t>> streams(kGroups);
  std::vector<Follower*> members;
  for (const Place& place : places) {
    streams[static_cast<size_t>(place.group)].push_back(crowd.members());
    members.push_back(crowd.Join(place.group, absl::StrCat("m", place.member),
                                 random() % 2 == 0));
    all.push_back({place.group, members.back()});
  }
  // Every one joined, and then the group is complete.
  constexpr uint64_t kFormed = kMembers + 1;
  for (const Listener& listener : all) listener.follower->WaitFor(kFormed);

  // The other half goes on in the middle.
  for (int i = 0; i < kGroups * kWatchers / 2; ++i) {
    all.push_back(
        {i % kGroups, crowd.Watch(i % kGroups, 1 + random() % kFormed)});
  }
  // Two of each group go, and others take their places.
  std::vector<Follower*> gone;
  for (const std::vector<size_t>& group : streams) {
    for (size_t i : {group[0], group[1]}) {
      crowd.member(i)->Cancel();
      gone.push_back(members[i]);
    }
  }
  all.erase(std::remove_if(all.begin(), all.end(),
                           [&gone](const Listener& listener) {
                             return std::count(gone.begin(), gone.end(),
                                               listener.follower) != 0;
                           }),
            all.end());
  for (const Listener& listener : all) listener.follower->WaitFor(kFormed + 2);
  for (int g = 0; g < kGroups; ++g) {
    for (const char* name : {"new0", "new1"})
      all.push_back({g, crowd.Join(g, name, random() % 2 == 0)});
  }
  for (const Listener& listener : all) listener.follower->WaitFor(kFormed + 5);
}

// A watcher that does not read holds up nobody, and is sent the whole group
// when it reads again.
TEST(GroupsScale, SlowReadersHoldUpNobody) {
  DaemonForTest daemon;
  daemon.Start();
  Crowd crowd(daemon.socket());
  constexpr int kSlots = 16;
  // Each about 40 KB of events.
  constexpr int kRounds = 60;
  ASSERT_TRUE(CreateGroupOf(crowd.stub(), "g0", kSlots).ok());
  Follower slow, quick;
  Connections connections(daemon.socket(), 2);
  Streams streams;
  streams.WatchLater(connections.any(0), "g0", slow.Function(false));
  streams.Watch(connections.any(1), "g0", 0, quick.Function(false));
  quick.WaitFor(0);
  // More than a log, and all that the kernel and gRPC take up.
  uint64_t sequence = 0;
  for (int round = 0; round < kRounds; ++round) {
    Streams members;
    std::vector<std::unique_ptr<Follower>> joined;
    for (int i = 0; i < kSlots; ++i) {
      v1::JoinGroupRequest request =
          JoinRequest("g0", absl::StrCat("m", i), true);
      request.set_endpoint(std::string(1024, 'e'));
      joined.push_back(std::make_unique<Follower>(0, true));
      members.Join(connections.any(1), request, joined.back()->Function(true));
    }
    // Joined, and complete.
    sequence += kSlots + 1;
    for (const auto& member : joined) member->WaitFor(sequence);
    members.Finish();
    sequence += kSlots;
    quick.WaitFor(sequence);
  }
  streams.at(0)->Release();
  slow.WaitFor(sequence);
  EXPECT_GE(slow.groups(), 1);
  EXPECT_EQ(quick.groups(), 1);
}

// One watch too many is refused with a reason, and the end of another makes
// room.
TEST(GroupsScale, WatchersOfAGroupAreBounded) {
  DaemonForTest daemon;
  daemon.options.limits.max_watchers_per_group = 1;
  daemon.Start();
  Connections connections(daemon.socket(), 1);
  ASSERT_TRUE(CreateGroupOf(connections.groups(), "g0", 2).ok());
  v1::WatchGroupRequest request;
  request.set_group_id("g0");
  v1::WatchGroupResponse message;
  auto first_context = std::make_unique<grpc::ClientContext>();
  auto first = connections.groups()->WatchGroup(first_context.get(), request);
  ASSERT_TRUE(first->Read(&message));
  const auto again = [&] {
    grpc::ClientContext context;
    const auto stream = connections.groups()->WatchGroup(&context, request);
    if (stream->Read(&message)) {
      context.TryCancel();
      return grpc::Status::OK;
    }
    return stream->Finish();
  };
  const grpc::Status refused = again();
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(refused.error_message().rfind("LIMIT_EXCEEDED: group g0 has 1", 0),
            0u)
      << refused.error_message();
  first_context->TryCancel();
  EXPECT_EQ(first->Finish().error_code(), grpc::StatusCode::CANCELLED);
  // The daemon sees the end a little later.
  while (!again().ok()) {
  }
}

}  // namespace
}  // namespace ithaca::server
