// join_for_test SOCKET GROUP MEMBER: joins, and stays until it is killed. A
// child of it keeps the connection open beyond that, as a data loader would.

#include <unistd.h>

#include <cstdio>

#include "daemon/clients/cc/client.h"

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  ithaca::client::ConnectOptions options;
  options.socket = argv[1];
  const auto client = ithaca::client::Client::Connect(options);
  if (!client.ok()) return 3;
  ithaca::groups::v1::JoinGroupRequest request;
  request.set_group_id(argv[2]);
  request.set_member_id(argv[3]);
  const auto member = (*client)->JoinGroup(request);
  if (!member.ok()) {
    std::fprintf(stderr, "%s\n", member.status().ToString().c_str());
    return 1;
  }
  if (fork() == 0) {
    // Whatever happens, not for ever.
    alarm(60);
    for (;;) pause();
  }
  for (;;) pause();
}
