// Members that are processes: the others are told when one ends, however it
// does, and not when one only pauses.

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <functional>
#include <memory>
#include <string>

#include "daemon/server/daemon_for_test.h"
#include "daemon/server/group_load.h"
#include "daemon/server/member_process_for_test.h"

namespace ithaca::server {
namespace {

namespace v1 = groups::v1;

constexpr char kProgram[] = "daemon/server/group_member_for_test";
constexpr int kObservers = 3;

// A group of observers in this process and one member in another.
class ProcessExit : public testing::Test {
 protected:
  void SetUp() override {
    daemon_.Start();
    connections_ = std::make_unique<Connections>(daemon_.socket(), 2);
    const grpc::Status made =
        CreateGroupOf(connections_->groups(), "g", kObservers + 1);
    ASSERT_TRUE(made.ok()) << made.error_message();
    for (int i = 0; i < kObservers; ++i) {
      v1::JoinGroupRequest request;
      request.set_group_id("g");
      request.set_member_id("observer" + std::to_string(i));
      observers_.Join(connections_->any(static_cast<size_t>(i)), request,
                      [this](const grpc::Slice& bytes) { Note(bytes); });
    }
    member_ = std::make_unique<MemberProcess>(kProgram, daemon_.socket(), "g",
                                              "process");
    ASSERT_TRUE(member_->joined());
    complete_.WaitFor(kObservers);
  }

  // Observers then leave one by one, and those that are still there see it.
  void TearDown() override { ending_ = true; }

  void Note(const grpc::Slice& bytes) {
    if (ending_) return;
    v1::JoinGroupResponse message;
    ASSERT_TRUE(
        message.ParseFromArray(bytes.begin(), static_cast<int>(bytes.size())));
    if (message.group().state() == v1::GROUP_STATE_COMPLETE) complete_.Add();
    for (const v1::GroupEvent& event : message.events()) {
      if (event.type() == v1::EVENT_TYPE_COMPLETE) complete_.Add();
      if (event.type() != v1::EVENT_TYPE_MEMBER_LOST) continue;
      EXPECT_EQ(event.member().member_id(), "process");
      lost_.Add();
    }
  }

  v1::Group Group() {
    grpc::ClientContext context;
    v1::GetGroupRequest request;
    request.set_group_id("g");
    v1::GetGroupResponse response;
    const grpc::Status status =
        connections_->groups()->GetGroup(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response.group();
  }

  DaemonForTest daemon_;
  std::unique_ptr<Connections> connections_;
  std::atomic<bool> ending_{false};
  Tally complete_;
  Tally lost_;
  Streams observers_;
  std::unique_ptr<MemberProcess> member_;
};

TEST_F(ProcessExit, AKilledOneIsSeenByAll) {
  member_->Signal(SIGKILL);
  lost_.WaitFor(kObservers);
  EXPECT_EQ(Group().members_size(), kObservers);
}

TEST_F(ProcessExit, OneThatEndsIsSeenByAll) {
  member_->Exit();
  lost_.WaitFor(kObservers);
  EXPECT_EQ(Group().members_size(), kObservers);
}

// The child keeps the connection, and with it the stream, open.
TEST_F(ProcessExit, AChildDoesNotHideTheEndOfItsParent) {
  member_->LeaveConnectionToChild();
  lost_.WaitFor(kObservers);
  EXPECT_EQ(Group().members_size(), kObservers);
}

TEST_F(ProcessExit, APauseIsNotAnEnd) {
  const uint64_t epoch = Group().epoch();
  for (unsigned seconds : {1u, 5u}) {
    member_->Signal(SIGSTOP);
    sleep(seconds);
    member_->Signal(SIGCONT);
    const v1::Group group = Group();
    EXPECT_EQ(group.epoch(), epoch);
    EXPECT_EQ(group.state(), v1::GROUP_STATE_COMPLETE);
  }
  EXPECT_EQ(lost_.value(), 0u);
}

}  // namespace
}  // namespace ithaca::server
