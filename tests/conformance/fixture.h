// What the conformance tests share: the library under test, connected pairs of
// communicator objects, and requests that are polled as NCCL polls them.
//
// Every wait polls all requests that are in flight, never sleeps, and fails the
// test after Patience(). One thread, unless a test says otherwise.
#ifndef ITHACA_TESTS_CONFORMANCE_FIXTURE_H_
#define ITHACA_TESTS_CONFORMANCE_FIXTURE_H_

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tests/conformance/net_table.h"

namespace ithaca::conformance {

// How long a wait may take: 60 s, enough for a loaded machine under a
// sanitizer, or as many as the variable PATIENCE says.
std::chrono::seconds Patience();

// What outputs hold before a call, so that one left unwritten shows.
void* Poison();

// The library named on the command line, opened once for the process.
void* Library();
const std::string& LibraryPath();

// A logger for init that keeps what was logged; see Logged().
void KeepLog(abi::DebugLevel level, unsigned long subsys, const char* file,
             int line, const char* format, ...);
// Everything logged since the last call.
std::string TakeLog();

// An error that a plugin may return: not success, not "in progress", not a
// value that is none.
bool IsError(abi::Result result);

// `size` bytes that depend on the seed and on the place.
std::vector<char> Pattern(size_t size, uint32_t seed);

// One isend or irecv in flight.
struct Transfer {
  void* request = nullptr;
  bool done = false;
  abi::Result error = abi::Result::kSuccess;  // of test; final when an error
  std::vector<int> sizes;                     // as test wrote them
};

// Two ends of one connection within this process.
struct Link {
  void* send = nullptr;
  void* recv = nullptr;
};

class Conformance : public ::testing::TestWithParam<int> {
 protected:
  void SetUp() override;
  void TearDown() override;

  NetTable& net() { return *net_; }
  void* ctx() { return ctx_; }

  // Calls `step` until it returns true. False, and a failure that names
  // `what`, when it never does.
  bool PollUntil(const std::string& what, const std::function<bool()>& step);

  // A listener on `dev`; `handle` gets its kHandleBytes.
  void* Listen(int dev, void* handle);
  // Connects to oneself on this one thread, connect and accept in turns.
  // Closed by TearDown.
  Link Connect(int dev = 0);
  // The same through an existing listener. `handle` is copied first.
  Link ConnectTo(void* listener, const void* handle, int dev = 0);
  // Takes the end out of TearDown's hands.
  void CloseSend(void* comm);
  void CloseRecv(void* comm);

  void* Register(void* comm, void* data, size_t size);
  void Deregister(void* comm, void* mhandle);

  // Starts a transfer; polls the others while the plugin says "try later".
  // The result lives until the test ends. Null, and a failure, on an error.
  Transfer* Send(void* comm, const void* data, size_t size, int tag,
                 void* mhandle);
  Transfer* Recv(void* comm, void* data, size_t size, int tag, void* mhandle);
  // The buffers of a group, under one request. No registrations.
  Transfer* RecvGroup(void* comm, std::vector<void*> data,
                      std::vector<size_t> sizes, std::vector<int> tags);
  // Takes care of a request of so many buffers from now on.
  Transfer* Track(void* request, size_t buffers);
  // Tests every transfer in flight once. True when all are done.
  bool PollTransfers();
  // Until these are done, without error.
  void Wait(const std::vector<Transfer*>& transfers);
  // Until these are done or have failed.
  void WaitOver(const std::vector<Transfer*>& transfers);
  // Forgets every transfer: their communicators are closed.
  void AbandonTransfers() { transfers_.clear(); }

  // Sends `bytes` through the link and checks what arrives.
  void ExpectDelivers(const Link& link, size_t bytes, uint32_t seed);

 private:
  Transfer* Post(void* comm, int n, void** data, size_t* sizes, int* tags,
                 void** mhandles);

  std::unique_ptr<NetTable> net_;
  void* ctx_ = nullptr;
  std::vector<void*> sends_;
  std::vector<void*> recvs_;
  std::vector<void*> listeners_;
  std::deque<Transfer> transfers_;
};

}  // namespace ithaca::conformance

#endif  // ITHACA_TESTS_CONFORMANCE_FIXTURE_H_
