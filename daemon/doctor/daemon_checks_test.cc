// What the doctor says of the daemon: its run directory, socket, store and
// certificates.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <random>
#include <string>

#include "daemon/doctor/checks.h"
#include "daemon/doctor/host_for_test.h"

namespace ithaca::doctor {
namespace {

TEST(Doctor, AWellHostHasNothingToDo) {
  const HostForTest test;
  EXPECT_TRUE(AllWell(CheckAll(test.host)));
}

TEST(RunDir, WhatIsWrongWithIt) {
  HostForTest test;
  chmod(test.host.run_dir.c_str(), 0777);
  EXPECT_TRUE(Says(CheckRunDir(test.host), Level::kFail,
                   "written by others (mode 0777)", "chmod go-w"));
  chmod(test.host.run_dir.c_str(), 0750);
  test.host.uid += 1;
  // Root's folders are everybody's.
  if (geteuid() != 0) {
    EXPECT_TRUE(
        Says(CheckRunDir(test.host), Level::kWarn, "belongs to uid", ""));
  }
  test.host.file_system = [](const std::string&) {
    FileSystem nfs;
    nfs.network = true;
    return nfs;
  };
  EXPECT_TRUE(Says(CheckRunDir(test.host), Level::kFail, "network file system",
                   "ITHACA_RUN_DIR"));
  const std::string there = test.host.run_dir;
  test.host.run_dir = there + "/none";
  EXPECT_TRUE(Says(CheckRunDir(test.host), Level::kWarn, "does not exist",
                   "start ithacad"));
  test.host.run_dir = test.host.socket;
  EXPECT_TRUE(
      Says(CheckRunDir(test.host), Level::kFail, "not a folder", "remove"));
  test.host.run_dir.clear();
  EXPECT_TRUE(Says(CheckRunDir(test.host), Level::kFail, "there is none",
                   "export ITHACA_RUN_DIR"));
}

TEST(Socket, WhatIsWrongWithIt) {
  HostForTest test;
  chmod(test.host.socket.c_str(), 0666);
  EXPECT_TRUE(Says(CheckSocket(test.host), Level::kFail,
                   "open to every user (mode 0666)", "chmod o="));
  chmod(test.host.socket.c_str(), 0660);
  DaemonAnswer answer;
  test.host.ask_daemon = [&answer](const std::string&) { return answer; };
  EXPECT_TRUE(Says(CheckSocket(test.host), Level::kWarn,
                   "too old to tell its version", "restart"));
  answer.version = "0.9.0";
  EXPECT_TRUE(Says(CheckSocket(test.host), Level::kWarn,
                   "ithacad is 0.9.0, this ithacactl is 1.0.0", "restart"));
  answer.not_serving = {"a.Service"};
  EXPECT_TRUE(Says(CheckSocket(test.host), Level::kFail,
                   "a.Service does not serve", "log"));
  answer.error = "no ithacad answers";
  EXPECT_TRUE(Says(CheckSocket(test.host), Level::kFail, "no ithacad answers",
                   "its group"));
  test.host.socket = test.host.run_dir;
  EXPECT_TRUE(
      Says(CheckSocket(test.host), Level::kFail, "not a socket", "remove"));
  test.host.socket += "/none";
  EXPECT_TRUE(Says(CheckSocket(test.host), Level::kWarn, "does not exist",
                   "start ithacad"));
}

class StoreCheck : public testing::Test {
 protected:
  // A store with some rows.
  void Fill() {
    ASSERT_EQ(sqlite3_open(path_.c_str(), &db_), SQLITE_OK);
    Run("CREATE TABLE t(k PRIMARY KEY, v)");
    Run("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE "
        "i<2000) INSERT INTO t SELECT i, randomblob(100) FROM n");
  }
  void Run(const char* sql) {
    ASSERT_EQ(sqlite3_exec(db_, sql, nullptr, nullptr, nullptr), SQLITE_OK)
        << sqlite3_errmsg(db_);
  }
  void TearDown() override { sqlite3_close(db_); }

  HostForTest test_;
  const std::string path_ = test_.host.run_dir + "/store.db";
  sqlite3* db_ = nullptr;
};

TEST_F(StoreCheck, IntactBusyAndDamagedFilesAreToldApart) {
  EXPECT_TRUE(Says(CheckStore(test_.host), Level::kOk, "is not there yet", ""));
  Fill();
  EXPECT_TRUE(Says(CheckStore(test_.host), Level::kOk, "is intact", ""));
  Run("PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE");
  EXPECT_TRUE(
      Says(CheckStore(test_.host), Level::kOk, "in use by ithacad", ""));
  sqlite3_close(db_);
  db_ = nullptr;
  const int fd = open(path_.c_str(), O_WRONLY);
  const std::string junk(4096 * 8, '\x5a');
  ASSERT_EQ(pwrite(fd, junk.data(), junk.size(), 4096 * 3),
            static_cast<ssize_t>(junk.size()));
  close(fd);
  EXPECT_TRUE(
      Says(CheckStore(test_.host), Level::kFail, "store.db: ", "backup"));
  std::ofstream(path_) << "this is no database, and was never meant to be one";
  EXPECT_TRUE(
      Says(CheckStore(test_.host), Level::kFail, "store.db: ", "backup"));
}

TEST_F(StoreCheck, SpaceAndKindOfTheFileSystem) {
  FileSystem system;
  test_.host.file_system = [&system](const std::string&) { return system; };
  EXPECT_TRUE(Says(CheckStore(test_.host), Level::kFail, "0 MiB are free",
                   "make room"));
  system.free_bytes = uint64_t{100} << 20;
  system.memory = true;
  EXPECT_TRUE(Says(CheckStore(test_.host), Level::kWarn, "100 MiB are free",
                   "make room"));
  EXPECT_TRUE(Says(CheckStore(test_.host), Level::kWarn, "emptied by a reboot",
                   "/var/lib"));
  system.network = true;
  EXPECT_TRUE(Says(CheckStore(test_.host), Level::kFail, "network file system",
                   "etcd"));
  test_.host.file_system = [](const std::string&) { return std::nullopt; };
  EXPECT_TRUE(
      Says(CheckStore(test_.host), Level::kWarn, "cannot be looked at", ""));
  for (const char* bad : {"", "sqlite:", "etcd:", "file:/x"}) {
    test_.host.store = bad;
    EXPECT_TRUE(Says(CheckStore(test_.host), Level::kFail, "is no store",
                     "use sqlite:PATH"));
  }
}

TEST_F(StoreCheck, EtcdsEndpointsAndVersions) {
  std::map<std::string, EtcdAnswer> cluster = {
      {"a:1", {"", "3.5.28"}}, {"b:1", {"", "3.5.28"}}, {"c:1", {"", "3.6.9"}}};
  test_.host.ask_etcd = [&cluster](const std::string& e) { return cluster[e]; };
  test_.host.store = "etcd:a:1,b:1,c:1,prefix=x/";
  EXPECT_TRUE(AllWell(CheckStore(test_.host)));
  for (const char* old : {"3.4.23", "3.5.27", "3.6.8", "3.6.0-rc.1"}) {
    cluster["c:1"].version = old;
    EXPECT_TRUE(Says(CheckStore(test_.host), Level::kWarn,
                     std::string("c:1 is ") + old, "upgrade"))
        << old;
  }
  cluster["a:1"].error = "connection refused";
  EXPECT_TRUE(Says(CheckStore(test_.host), Level::kWarn,
                   "a:1: connection refused", "firewall"));
  EXPECT_FALSE(Says(CheckStore(test_.host), Level::kFail, "", ""));
  cluster["b:1"].error = "connection refused";
  EXPECT_TRUE(Says(CheckStore(test_.host), Level::kFail,
                   "2 of 3 etcd endpoints", "majority"));
}

// A certificate that begins at `from` and lasts for so many seconds.
std::string MakeCertificate(int64_t from, int64_t seconds) {
  const std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> key(EVP_EC_gen("P-256"),
                                                           EVP_PKEY_free);
  const std::unique_ptr<X509, void (*)(X509*)> made(X509_new(), X509_free);
  ASN1_TIME_set(X509_getm_notBefore(made.get()), static_cast<time_t>(from));
  ASN1_TIME_set(X509_getm_notAfter(made.get()),
                static_cast<time_t>(from + seconds));
  X509_set_pubkey(made.get(), key.get());
  X509_sign(made.get(), key.get(), EVP_sha256());
  const std::unique_ptr<BIO, int (*)(BIO*)> bio(BIO_new(BIO_s_mem()), BIO_free);
  PEM_write_bio_X509(bio.get(), made.get());
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, static_cast<size_t>(size));
}

TEST(Certificates, WhenTheyEnd) {
  HostForTest test;
  constexpr int64_t kDay = 86'400;
  const int64_t now = test.host.unix_seconds();
  test.host.tls_cert = "/cert.pem";
  EXPECT_TRUE(
      Says(CheckCertificates(test.host), Level::kFail, "cannot be read", ""));
  test.Write("/cert.pem", "-----BEGIN CERTIFICATE-----\nrubbish");
  EXPECT_TRUE(Says(CheckCertificates(test.host), Level::kFail,
                   "no certificate in PEM", ""));
  test.Write("/cert.pem", MakeCertificate(now - kDay, 91 * kDay));
  EXPECT_TRUE(Says(CheckCertificates(test.host), Level::kOk, "90 days", ""));
  test.Write("/cert.pem", MakeCertificate(now - kDay, 4 * kDay));
  EXPECT_TRUE(Says(CheckCertificates(test.host), Level::kWarn, "ends in 3 days",
                   "without a restart"));
  test.Write("/cert.pem", MakeCertificate(now - kDay, kDay - 60));
  EXPECT_TRUE(
      Says(CheckCertificates(test.host), Level::kFail, "expired", "renew"));
  // Nothing in it can hurt the doctor.
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  const std::string good = MakeCertificate(now, kDay);
  for (int i = 0; i < 300; ++i) {
    std::string bad = good;
    for (int hits = 1 + static_cast<int>(random() % 4); hits > 0; --hits)
      bad[random() % bad.size()] = static_cast<char>(random());
    test.Write("/cert.pem", bad);
    EXPECT_EQ(CheckCertificates(test.host).size(), 1u);
  }
}

}  // namespace
}  // namespace ithaca::doctor
