// A small, correct net plugin over Unix sockets, and a nasty one when told.
//
// It exists to test whoever drives a plugin (plugin/driver, ithaca-perf): by
// default it keeps every rule of plugin/abi/net_v12.h; ITHACA_TEST_NET (see
// fault_plan.h) makes it break chosen ones. One stream socket per connection,
// abstract addresses, no thread: isend, irecv and test move the bytes.
//
// Threads: contexts and listeners may be used from any; one connection by one
// thread at a time. The table for v12 is canonical, exports.cc narrows it.
#ifndef ITHACA_TESTS_SUPPORT_TEST_NET_H_
#define ITHACA_TESTS_SUPPORT_TEST_NET_H_

#include "plugin/abi/net_v12.h"

namespace ithaca::testing {

abi::Result TestNetInit(void** ctx, abi::Logger logger);
abi::Result TestNetDevices(int* count);
abi::Result TestNetProperties(int dev, abi::NetPropertiesV12* props);
abi::Result TestNetListen(int dev, void* handle, void** listen_comm);
abi::Result TestNetConnect(int dev, void* handle, void** send_comm);
abi::Result TestNetAccept(void* listen_comm, void** recv_comm);
abi::Result TestNetRegMr(void* comm, void* data, size_t bytes, int type,
                         void** mhandle);
abi::Result TestNetDeregMr(void* comm, void* mhandle);
abi::Result TestNetIsend(void* send_comm, void* data, size_t bytes, int tag,
                         void* mhandle, void** request);
abi::Result TestNetIrecv(void* recv_comm, int n, void** data, size_t* bytes,
                         int* tags, void** mhandles, void** request);
abi::Result TestNetTest(void* request, int* done, int* sizes);
abi::Result TestNetCloseComm(void* comm);
abi::Result TestNetCloseListen(void* listen_comm);

}  // namespace ithaca::testing

#endif  // ITHACA_TESTS_SUPPORT_TEST_NET_H_
