// What is said of files that are not fit for mutual TLS.

#include "daemon/cluster/tls_files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <ctime>
#include <random>
#include <string>

#include "daemon/cluster/tls_for_test.h"

namespace ithaca::cluster {
namespace {

class TlsFilesTest : public testing::Test {
 protected:
  // The error, or "" for files that are fine.
  std::string Error(const TlsPaths& paths, int64_t later_s = 0) {
    const auto files =
        ReadTlsFiles(paths, PeerNames(), std::time(nullptr) + later_s);
    if (files.ok()) return "";
    EXPECT_EQ(files.status().code(), absl::StatusCode::kFailedPrecondition);
    return std::string(files.status().message());
  }
  void Expect(const TlsPaths& paths, const std::string& flag,
              const std::string& what, const std::string& remedy,
              int64_t later_s = 0) {
    const std::string error = Error(paths, later_s);
    EXPECT_EQ(error.rfind(flag + "=", 0), 0u) << error;
    EXPECT_NE(error.find(what), std::string::npos) << error;
    EXPECT_NE(error.find("; " + remedy), std::string::npos) << error;
  }

  AuthorityForTest authority_;
  const TlsPaths good_ = authority_.Issue("good", "DNS:node7,DNS:ithacad");
};

TEST_F(TlsFilesTest, GoodOnesAreReadWhole) {
  const auto files = ReadTlsFiles(good_, PeerNames(), std::time(nullptr));
  ASSERT_TRUE(files.ok()) << files.status();
  EXPECT_EQ(files->cert, ReadWhole(good_.cert));
  EXPECT_EQ(files->key, ReadWhole(good_.key));
  EXPECT_EQ(files->ca, ReadWhole(good_.ca));
  EXPECT_EQ(files->names.dns, (std::vector<std::string>{"node7", "ithacad"}));
  EXPECT_GT(files->not_after_unix, std::time(nullptr) + 29 * 86400);
  EXPECT_LT(files->not_after_unix, std::time(nullptr) + 31 * 86400);
  const TlsPaths spiffe =
      authority_.Issue("spiffe", "URI:spiffe://example.org/ithacad");
  EXPECT_EQ(Error(spiffe), "");
  chmod(good_.key.c_str(), 0640);
  EXPECT_EQ(Error(good_), "");
}

TEST_F(TlsFilesTest, EachFileMustBeThereAndBeWhatItIs) {
  const std::string& folder = authority_.folder();
  for (const auto& [flag, member] : {std::pair{"--tls_cert", &TlsPaths::cert},
                                     std::pair{"--tls_key", &TlsPaths::key},
                                     std::pair{"--tls_ca", &TlsPaths::ca}}) {
    TlsPaths bad = good_;
    bad.*member = folder + "/missing";
    Expect(bad, flag, "No such file", "make it, or correct the path");
    bad.*member = folder;
    Expect(bad, flag, "is no file", "correct the path");
    bad.*member = folder + "/garbage";
    ReplaceFile(bad.*member, "-----BEGIN nonsense", 0600);
    Expect(bad, flag, " in PEM", "");
    ReplaceFile(bad.*member, std::string(2 << 20, 'x'), 0600);
    Expect(bad, flag, "above 1 MiB", "give PEM files only");
  }
}

TEST_F(TlsFilesTest, TheKeyIsSecretAndFits) {
  for (const int mode : {0644, 0604, 0660, 0666, 0601}) {
    chmod(good_.key.c_str(), static_cast<mode_t>(mode));
    Expect(good_, "--tls_key", "others than its owner", "chmod 600 ");
  }
  chmod(good_.key.c_str(), 0600);
  const TlsPaths other = authority_.Issue("other");
  Expect({good_.cert, other.key, good_.ca}, "--tls_key", "is not the key of",
         "give a certificate and a key that were made together");
  const std::string locked = authority_.folder() + "/locked.key";
  ASSERT_EQ(std::system(("openssl pkey -in " + good_.key +
                         " -aes256 -passout pass:x -out " + locked)
                            .c_str()),
            0);
  chmod(locked.c_str(), 0600);
  Expect({good_.cert, locked, good_.ca}, "--tls_key", "passphrase",
         "take the passphrase off");
  // Where there is another user to give it to.
  if (chown(good_.key.c_str(), 12345, static_cast<gid_t>(-1)) != 0) return;
  Expect(good_, "--tls_key", "belongs to user 12345", "chown");
}

TEST_F(TlsFilesTest, TheCertificateMustBeGoodForOthers) {
  Expect(good_, "--tls_cert", "expired at", "renew it", 40 * 86400);
  Expect(good_, "--tls_cert", "not valid before", "set this machine's clock",
         -86400);
  Expect(authority_.Issue("old", "DNS:ithacad", -1), "--tls_cert", "expired",
         "renew it");
  const AuthorityForTest stranger;
  Expect({good_.cert, good_.key, stranger.ca()}, "--tls_cert",
         "is not good for servers", "have it signed by that authority");
  Expect(authority_.Issue("half", "DNS:ithacad", 30, "serverAuth"),
         "--tls_cert", "is not good for clients", "have it signed");
  Expect(authority_.Issue("x", "DNS:node7"), "--tls_cert", "names DNS node7",
         "give it the alternative name DNS:ithacad");
  Expect(authority_.Issue("ithacad", ""), "--tls_cert", "names no name",
         "give it the alternative name");
}

// Bytes of any file, changed at random: an error or not, and nothing worse.
TEST_F(TlsFilesTest, MutatedFilesNeverHurt) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  const std::string folder = authority_.folder();
  const TlsPaths bad{folder + "/m.pem", folder + "/m.key", folder + "/m.ca"};
  const auto stop =
      std::chrono::steady_clock::now() + std::chrono::milliseconds(1000);
  int refused = 0;
  while (std::chrono::steady_clock::now() < stop) {
    for (const auto member : {&TlsPaths::cert, &TlsPaths::key, &TlsPaths::ca}) {
      std::string bytes = ReadWhole(good_.*member);
      for (int hits = static_cast<int>(random() % 3); hits > 0; --hits)
        bytes[random() % bytes.size()] = static_cast<char>(random());
      if (random() % 8 == 0) bytes.resize(random() % bytes.size());
      ReplaceFile(bad.*member, bytes, 0600);
    }
    refused += Error(bad).empty() ? 0 : 1;
    NamesOfPem(ReadWhole(bad.cert));
  }
  EXPECT_GT(refused, 0);
}

}  // namespace
}  // namespace ithaca::cluster
