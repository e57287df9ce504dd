// Mutual TLS as gRPC really does it, with certificates made here: who gets in,
// who does not, and rotation while a stream is open.

#include "daemon/cluster/tls_identity.h"

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "daemon/cluster/handover.h"
#include "daemon/cluster/peer_credentials.h"
#include "daemon/cluster/tls_for_test.h"

namespace ithaca::cluster {
namespace {

// Sends back every message, after the names that it sees in the client's
// certificate.
class Echo : public grpc::CallbackGenericService {
 public:
  grpc::ServerGenericBidiReactor* CreateReactor(
      grpc::GenericCallbackServerContext* context) override {
    return new Reactor(context);
  }

 private:
  class Reactor : public grpc::ServerGenericBidiReactor {
   public:
    explicit Reactor(grpc::GenericCallbackServerContext* context) {
      const auto peer = IdentityOf(*context->auth_context());
      const grpc::Slice slice(peer.has_value() ? peer->Describe() : "nobody");
      bytes_ = grpc::ByteBuffer(&slice, 1);
      HandOver(this);
      StartWrite(&bytes_);
    }
    void OnWriteDone(bool ok) override {
      const Reaction reaction(this);
      if (ok) StartRead(&bytes_);
    }
    void OnReadDone(bool ok) override {
      const Reaction reaction(this);
      if (ok) return StartWrite(&bytes_);
      Finish(grpc::Status::OK);
    }
    void OnDone() override {
      TakeBack(this);
      delete this;
    }

   private:
    grpc::ByteBuffer bytes_;
  };
};

// A stream to an Echo, in blocking steps.
class Stream {
 public:
  Stream(int port, const std::shared_ptr<grpc::ChannelCredentials>& how) {
    grpc::ChannelArguments arguments;
    // A connection of its own.
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    stub_ = std::make_unique<grpc::GenericStub>(grpc::CreateCustomChannel(
        "127.0.0.1:" + std::to_string(port), how, arguments));
    context_.set_deadline(std::chrono::system_clock::now() +
                          std::chrono::seconds(60));
    call_ = stub_->PrepareCall(&context_, "/x.Echo/Echo", &queue_);
    call_->StartCall(this);
    open_ = Next();
  }
  ~Stream() {
    context_.TryCancel();
    Status();
    queue_.Shutdown();
    while (Next()) {
    }
  }
  bool open() const { return open_; }
  // What is said; nothing: the stream is over.
  std::optional<std::string> Read() {
    grpc::ByteBuffer bytes;
    call_->Read(&bytes, this);
    if (!Next()) return std::nullopt;
    std::vector<grpc::Slice> slices;
    if (!bytes.Dump(&slices).ok()) return std::nullopt;
    std::string text;
    for (const auto& slice : slices)
      text.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
    return text;
  }
  bool Says(const std::string& text) {
    const grpc::Slice slice(text);
    call_->Write(grpc::ByteBuffer(&slice, 1), this);
    return Next() && Read() == text;
  }
  // The server's names, once something was read.
  std::string ServerNames() {
    const auto peer = IdentityOf(*context_.auth_context());
    return peer.has_value() ? peer->Describe() : "nobody";
  }
  grpc::Status Status() {
    if (!status_.has_value()) {
      status_.emplace();
      call_->Finish(&*status_, this);
      Next();
    }
    return *status_;
  }

 private:
  bool Next() {
    void* tag = nullptr;
    bool ok = false;
    return queue_.Next(&tag, &ok) && ok;
  }

  std::unique_ptr<grpc::GenericStub> stub_;
  grpc::ClientContext context_;
  grpc::CompletionQueue queue_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> call_;
  std::optional<grpc::Status> status_;
  bool open_ = false;
};

class TlsIdentityTest : public testing::Test {
 protected:
  void SetUp() override {
    identity_ = Watch(server_paths_);
    ASSERT_NE(identity_, nullptr);
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", identity_->ServerCredentials(),
                             &port_);
    builder.RegisterCallbackGenericService(&echo_);
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
  }
  void TearDown() override {
    server_->Shutdown(std::chrono::system_clock::now());
    server_->Wait();
    server_.reset();
  }
  std::unique_ptr<TlsIdentity> Watch(const TlsPaths& paths) {
    TlsIdentity::Options options;
    options.paths = paths;
    options.log = [this](bool bad, const std::string& text) {
      std::lock_guard<std::mutex> lock(mutex_);
      log_.push_back((bad ? "bad: " : "good: ") + text);
    };
    auto identity = TlsIdentity::Start(std::move(options));
    EXPECT_TRUE(identity.ok()) << identity.status();
    return identity.ok() ? std::move(*identity) : nullptr;
  }
  // Until a line of the log contains it.
  void WaitForLog(const std::string& text) {
    for (;; Pause()) {
      std::lock_guard<std::mutex> lock(mutex_);
      for (const auto& line : log_) {
        if (line.find(text) != std::string::npos) return;
      }
    }
  }
  // Between two looks at something that takes its time.
  static void Pause() {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  // How a peer connects that follows no rule of ours.
  static std::shared_ptr<grpc::ChannelCredentials> Raw(const std::string& ca,
                                                       const TlsPaths* own) {
    grpc::experimental::IdentityKeyCertPair pair;
    if (own != nullptr) pair = {ReadWhole(own->key), ReadWhole(own->cert)};
    using grpc::experimental::StaticDataCertificateProvider;
    auto provider =
        own != nullptr
            ? std::make_shared<StaticDataCertificateProvider>(
                  ReadWhole(ca),
                  std::vector<grpc::experimental::IdentityKeyCertPair>{pair})
            : std::make_shared<StaticDataCertificateProvider>(ReadWhole(ca));
    grpc::experimental::TlsChannelCredentialsOptions options;
    options.set_certificate_provider(provider);
    options.watch_root_certs();
    if (own != nullptr) options.watch_identity_key_cert_pairs();
    options.set_certificate_verifier(
        std::make_shared<grpc::experimental::NoOpCertificateVerifier>());
    options.set_check_call_host(false);
    return grpc::experimental::TlsCredentials(options);
  }
  void ExpectRefused(const std::shared_ptr<grpc::ChannelCredentials>& how,
                     const std::string& what) {
    Stream stream(port_, how);
    EXPECT_EQ(stream.Read(), std::nullopt) << what;
    EXPECT_EQ(stream.Status().error_code(), grpc::StatusCode::UNAVAILABLE)
        << what << ": " << stream.Status().error_message();
  }

  AuthorityForTest authority_, stranger_;
  const TlsPaths server_paths_ =
      authority_.Issue("server", "DNS:ithacad,DNS:first");
  std::mutex mutex_;
  std::vector<std::string> log_;
  std::unique_ptr<TlsIdentity> identity_;
  Echo echo_;
  std::unique_ptr<grpc::Server> server_;
  int port_ = 0;
};

TEST_F(TlsIdentityTest, DaemonsKnowEachOther) {
  const auto other =
      Watch(authority_.Issue("other", "DNS:ithacad,URI:spiffe://x/ithacad"));
  Stream stream(port_, other->ChannelCredentials());
  EXPECT_EQ(stream.Read(), "DNS ithacad, URI spiffe://x/ithacad");
  EXPECT_EQ(stream.ServerNames(), "DNS ithacad, DNS first");
  EXPECT_TRUE(stream.Says("hello"));
}

TEST_F(TlsIdentityTest, OthersAreRefused) {
  const std::string& ca = authority_.ca();
  const TlsPaths good = authority_.Issue("good");
  ExpectRefused(Raw(ca, nullptr), "no certificate");
  const TlsPaths strange = stranger_.Issue("strange");
  ExpectRefused(Raw(ca, &strange), "another authority's");
  const TlsPaths old = authority_.Issue("old", "DNS:ithacad", -1);
  ExpectRefused(Raw(ca, &old), "expired");
  const TlsPaths server_only =
      authority_.Issue("half", "DNS:ithacad", 30, "serverAuth");
  ExpectRefused(Raw(ca, &server_only), "not for clients");
  ExpectRefused(grpc::InsecureChannelCredentials(), "plain text");
  // The other way round: a server of another authority.
  ExpectRefused(Raw(stranger_.ca(), &good), "the server's authority");
  // A name that is no daemon's comes in: the gate says so, with a reason.
  const TlsPaths named = authority_.Issue("named", "DNS:somebody");
  Stream stream(port_, Raw(ca, &named));
  EXPECT_EQ(stream.Read(), "DNS somebody");
}

TEST_F(TlsIdentityTest, ADaemonCallsNobodyElse) {
  const TlsPaths web = authority_.Issue("web", "DNS:localhost,IP:127.0.0.1");
  grpc::ServerBuilder builder;
  int port = 0;
  grpc::SslServerCredentialsOptions ssl(
      GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  ssl.pem_root_certs = ReadWhole(web.ca);
  ssl.pem_key_cert_pairs = {{ReadWhole(web.key), ReadWhole(web.cert)}};
  builder.AddListeningPort("127.0.0.1:0", grpc::SslServerCredentials(ssl),
                           &port);
  Echo echo;
  builder.RegisterCallbackGenericService(&echo);
  const auto server = builder.BuildAndStart();
  {
    Stream stream(port, identity_->ChannelCredentials());
    EXPECT_EQ(stream.Read(), std::nullopt);
    EXPECT_EQ(stream.Status().error_code(), grpc::StatusCode::UNAVAILABLE);
    EXPECT_NE(stream.Status().error_message().find("DNS localhost"),
              std::string::npos)
        << stream.Status().error_message();
  }
  server->Shutdown(std::chrono::system_clock::now());
}

TEST_F(TlsIdentityTest, CertificatesRotateUnderAnOpenStream) {
  const auto client = Watch(authority_.Issue("client"));
  Stream before(port_, client->ChannelCredentials());
  ASSERT_TRUE(before.Read().has_value());
  ASSERT_TRUE(before.Says("before"));
  for (const char* name : {"second", "third"}) {
    ReplaceFiles(authority_.Issue(name, std::string("DNS:ithacad,DNS:") + name),
                 server_paths_);
    const std::string wanted = std::string("DNS ithacad, DNS ") + name;
    WaitForLog(wanted);
    // gRPC takes it over within a second of that.
    for (std::string seen; seen != wanted; Pause()) {
      Stream fresh(port_, client->ChannelCredentials());
      ASSERT_TRUE(fresh.Read().has_value()) << fresh.Status().error_message();
      seen = fresh.ServerNames();
    }
    EXPECT_TRUE(before.Says(name));
  }
}

TEST_F(TlsIdentityTest, TheAuthorityRotatesToo) {
  const auto client = Watch(authority_.Issue("client"));
  Stream before(port_, client->ChannelCredentials());
  ASSERT_TRUE(before.Read().has_value());
  // Both authorities first, then certificates of the new one.
  TlsPaths next = stranger_.Issue("next", "DNS:ithacad,DNS:next");
  next.ca = stranger_.folder() + "/both.pem";
  ReplaceFile(next.ca, ReadWhole(authority_.ca()) + ReadWhole(stranger_.ca()),
              0644);
  ReplaceFile(server_paths_.ca, ReadWhole(next.ca), 0644);
  WaitForLog("DNS first");
  const auto late = Watch(next);
  for (bool in = false; !in; Pause()) {
    Stream fresh(port_, late->ChannelCredentials());
    in = fresh.Read() == "DNS ithacad, DNS next";
  }
  {
    Stream old(port_, client->ChannelCredentials());
    EXPECT_TRUE(old.Read().has_value());
  }
  ReplaceFiles(next, server_paths_);
  WaitForLog("DNS next");
  for (std::string seen; seen != "DNS ithacad, DNS next"; Pause()) {
    Stream fresh(port_, late->ChannelCredentials());
    ASSERT_TRUE(fresh.Read().has_value());
    seen = fresh.ServerNames();
  }
  EXPECT_TRUE(before.Says("still here"));
}

TEST_F(TlsIdentityTest, BadFilesAreLoggedAndNotUsed) {
  const auto client = Watch(authority_.Issue("client"));
  const TlsPaths other = authority_.Issue("another");
  ReplaceFile(server_paths_.key, ReadWhole(other.key), 0600);
  WaitForLog("bad: --tls_key=" + server_paths_.key + ": is not the key of");
  const auto until =
      std::chrono::steady_clock::now() + std::chrono::milliseconds(2500);
  for (; std::chrono::steady_clock::now() < until; Pause()) {
    Stream fresh(port_, client->ChannelCredentials());
    ASSERT_TRUE(fresh.Read().has_value()) << fresh.Status().error_message();
    ASSERT_EQ(fresh.ServerNames(), "DNS ithacad, DNS first");
  }
  ReplaceFiles(other, server_paths_);
  WaitForLog("good: new connections use the certificate in");
  std::lock_guard<std::mutex> lock(mutex_);
  EXPECT_EQ(std::count_if(log_.begin(), log_.end(),
                          [](const std::string& line) {
                            return line.rfind("bad", 0) == 0;
                          }),
            1);
}

}  // namespace
}  // namespace ithaca::cluster
