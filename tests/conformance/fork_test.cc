// A child made by fork while the plugin is at work: its calls are answered with
// errors, at once, and the parent notices nothing.
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>

#include "tests/conformance/fixture.h"

namespace ithaca::conformance {
namespace {

using abi::Result;

class Fork : public Conformance {};
INSTANTIATE_TEST_SUITE_P(Net, Fork, ::testing::ValuesIn(NetVersions()),
                         ::testing::PrintToStringParamName());

TEST_P(Fork, ChildIsRefusedAndTheParentUnharmed) {
  const Link link = Connect();
  char handle[abi::kHandleBytes] = {};
  void* listener = Listen(0, handle);
  std::vector<char> out = Pattern(4 << 20, 1);
  std::vector<char> in(out.size());
  Transfer* recv = Recv(link.recv, in.data(), in.size(), 0, nullptr);
  Transfer* send = Send(link.send, out.data(), out.size(), 0, nullptr);
  ASSERT_NE(recv, nullptr);
  ASSERT_NE(send, nullptr);
  PollTransfers();
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    alarm(60);  // A call that hangs ends the child by a signal.
    // The first wrong answer is the exit status.
    int number = 0;
    const auto refused = [&](Result result) {
      ++number;
      if (!IsError(result)) _exit(number);
    };
    void* out_ptr = Poison();
    char byte = 0;
    void* data = &byte;
    size_t size = 1;
    int tag = 0;
    void* mhandle = nullptr;
    int done = -1;
    if (net().has_contexts())
      refused(net().Init(&out_ptr, 9, nullptr, nullptr, nullptr));
    refused(net().Listen(ctx(), 0, handle, &out_ptr));
    refused(net().Connect(ctx(), 0, handle, &out_ptr, nullptr));
    refused(net().Accept(listener, &out_ptr, nullptr));
    refused(net().RegMr(link.send, &byte, 1, abi::kPtrHost, &out_ptr));
    refused(net().Isend(link.send, &byte, 1, 0, nullptr, nullptr, &out_ptr));
    refused(net().Irecv(link.recv, 1, &data, &size, &tag, &mhandle, nullptr,
                        &out_ptr));
    refused(net().Test(send->request, &done, nullptr));
    if (out_ptr == Poison()) _exit(100);
    // What a child's exit handlers would call is harmless.
    if (net().CloseSend(link.send) != Result::kSuccess) _exit(101);
    if (net().CloseRecv(link.recv) != Result::kSuccess) _exit(102);
    if (net().CloseListen(listener) != Result::kSuccess) _exit(103);
    if (net().Finalize(ctx()) != Result::kSuccess) _exit(104);
    _exit(0);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status)) << "signal " << WTERMSIG(status);
  EXPECT_EQ(WEXITSTATUS(status), 0);
  Wait({recv, send});
  EXPECT_EQ(in, out);
  ExpectDelivers(link, 100'000, 2);
  ExpectDelivers(Connect(), 100'000, 3);
}

}  // namespace
}  // namespace ithaca::conformance
