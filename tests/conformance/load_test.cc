// The library inside a process that already lives with the distribution's
// protobuf and gRPC, as a training job does.
//
// Opened the way NCCL opens it. The first argument is the library's path.
#include <dlfcn.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/util/json_util.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "plugin/abi/common.h"
#include "plugin/abi/versions.h"
#include "tests/conformance/fixture.h"
#include "tests/conformance/use_once.h"

namespace ithaca::conformance {
namespace {

// Serialises, parses, registers and prints a message.
void UseProtobuf() {
  google::protobuf::FileDescriptorProto message;
  message.set_name("rails.proto");
  message.add_message_type()->set_name("Rail");
  google::protobuf::FileDescriptorProto parsed;
  ASSERT_TRUE(parsed.ParseFromString(message.SerializeAsString()));
  google::protobuf::DescriptorPool pool;
  ASSERT_NE(pool.BuildFile(parsed), nullptr);
  std::string json;
  ASSERT_TRUE(google::protobuf::util::MessageToJsonString(parsed, &json).ok());
  EXPECT_NE(json.find("Rail"), std::string::npos);
}

// One RPC, through a Unix socket, to this process's own server.
class GrpcUser {
 public:
  GrpcUser() {
    // Not TEST_TMPDIR: the path of a socket ends at 107 characters.
    EXPECT_NE(mkdtemp(folder_), nullptr);
    address_ = std::string("unix:") + folder_ + "/socket";
    grpc::EnableDefaultHealthCheckService(true);
    grpc::ServerBuilder builder;
    builder.AddListeningPort(address_, grpc::InsecureServerCredentials());
    server_ = builder.BuildAndStart();
  }
  ~GrpcUser() {
    if (server_ != nullptr) server_->Shutdown();
    std::filesystem::remove_all(folder_);
  }

  void Call() {
    ASSERT_NE(server_, nullptr);
    grpc::GenericStub stub(
        grpc::CreateChannel(address_, grpc::InsecureChannelCredentials()));
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() +
                         std::chrono::seconds(30));
    grpc::CompletionQueue queue;
    grpc::Slice whole_server;  // An empty request asks about all of it.
    grpc::ByteBuffer request(&whole_server, 1);
    auto call = stub.PrepareUnaryCall(&context, "/grpc.health.v1.Health/Check",
                                      request, &queue);
    call->StartCall();
    grpc::ByteBuffer response;
    grpc::Status status;
    call->Finish(&response, &status, this);
    void* tag = nullptr;
    bool ok = false;
    ASSERT_TRUE(queue.Next(&tag, &ok));
    EXPECT_TRUE(status.ok()) << status.error_message();
    grpc::Slice bytes;
    ASSERT_TRUE(response.DumpToSingleSlice(&bytes).ok());
    // Field 1, SERVING.
    EXPECT_EQ(
        std::string(reinterpret_cast<const char*>(bytes.begin()), bytes.size()),
        "\x08\x01");
  }

 private:
  char folder_[32] = "/tmp/load_test.XXXXXX";
  std::string address_;
  std::unique_ptr<grpc::Server> server_;
};

void* Open() {
  void* library = dlopen(LibraryPath().c_str(), RTLD_NOW | RTLD_LOCAL);
  EXPECT_NE(library, nullptr) << dlerror();
  return library;
}

std::vector<std::string> Symbols() {
#define ITHACA_STRING(text) #text
#define ITHACA_NAME(symbol) ITHACA_STRING(symbol)
#define ITHACA_NET(version) ITHACA_NAME(ITHACA_NET_SYMBOL(version)),
#define ITHACA_TUNER(version) ITHACA_NAME(ITHACA_TUNER_SYMBOL(version)),
  return {ITHACA_NET_VERSIONS(ITHACA_NET) ITHACA_TUNER_VERSIONS(ITHACA_TUNER)};
}

// Every table starts with its name.
void ExpectEveryTableIsNamed(void* library) {
  for (const std::string& symbol : Symbols()) {
    const auto* table =
        static_cast<const char* const*>(dlsym(library, symbol.c_str()));
    ASSERT_NE(table, nullptr) << symbol;
    EXPECT_STREQ(*table, "ithaca") << symbol;
  }
}

TEST(Load, BesideProtobufAndGrpc) {
  GrpcUser grpc_user;
  UseProtobuf();
  grpc_user.Call();
  void* library = Open();
  ASSERT_NE(library, nullptr);
  ExpectEveryTableIsNamed(library);
  for (int version : NetVersions()) {
    SCOPED_TRACE(version);
    UseOnce(FindNetTable(library, version).get(), version);
  }
  UseProtobuf();
  grpc_user.Call();
  EXPECT_EQ(dlclose(library), 0);
  UseProtobuf();
  grpc_user.Call();
}

TEST(Load, OpenedAndClosedAgainAndAgain) {
  for (int i = 0; i < 50; ++i) {
    void* library = Open();
    ASSERT_NE(library, nullptr);
    ExpectEveryTableIsNamed(library);
    ASSERT_EQ(dlclose(library), 0);
  }
}

TEST(Load, StaysMappedAfterItsLastClose) {
  void* library = Open();
  ASSERT_NE(library, nullptr);
  const auto* table = static_cast<const char* const*>(
      dlsym(library, Symbols().front().c_str()));
  ASSERT_EQ(dlclose(library), 0);
  EXPECT_STREQ(*table, "ithaca");
}

TEST(Load, SymbolsDoNotReachTheRestOfTheProcess) {
  void* library = Open();
  ASSERT_NE(library, nullptr);
  for (const std::string& symbol : Symbols())
    EXPECT_EQ(dlsym(RTLD_DEFAULT, symbol.c_str()), nullptr) << symbol;
  dlclose(library);
}

}  // namespace
}  // namespace ithaca::conformance
