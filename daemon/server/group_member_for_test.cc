// A process that is a member of a group, for tests and benchmarks.
//
//   group_member_for_test SOCKET GROUP MEMBER
//
// Joins, prints "joined", and does what it is told on standard input:
//   exit    ends as programs do
//   fork    leaves its connection to a child, prints the child's pid and ends
// At the end of the input it ends. It prints "lost" when its stream ends.

#include <grpcpp/grpcpp.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>
#include <thread>

#include "ithaca/groups/v1/groups.grpc.pb.h"

namespace {

namespace v1 = ithaca::groups::v1;

void Say(const std::string& line) {
  std::printf("%s\n", line.c_str());
  std::fflush(stdout);
}

[[noreturn]] void LeaveTheConnectionToAChild() {
  const pid_t child = fork();
  if (child == 0) {
    // Nothing of the parent's is touched.
    for (;;) pause();
  }
  Say(std::to_string(child));
  _exit(0);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: group_member_for_test SOCKET GROUP MEMBER\n");
    return 2;
  }
  const auto stub = v1::GroupsService::NewStub(grpc::CreateChannel(
      std::string("unix:") + argv[1], grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  v1::JoinGroupRequest request;
  request.set_group_id(argv[2]);
  request.set_member_id(argv[3]);
  const auto stream = stub->JoinGroup(&context, request);
  v1::JoinGroupResponse message;
  if (!stream->Read(&message)) {
    std::fprintf(stderr, "%s\n", stream->Finish().error_message().c_str());
    return 1;
  }
  Say("joined");
  std::thread reader([&] {
    while (stream->Read(&message)) {
    }
    Say("lost");
  });
  std::string line;
  while (std::getline(std::cin, line)) {
    if (line == "exit") std::exit(0);
    if (line == "fork") LeaveTheConnectionToAChild();
  }
  context.TryCancel();
  reader.join();
  return 0;
}
