// Certificates made while a test runs, with the `openssl` command.
//
// Threads: the test's. Life: files lie in a new folder below /tmp.
#ifndef ITHACA_DAEMON_CLUSTER_TLS_FOR_TEST_H_
#define ITHACA_DAEMON_CLUSTER_TLS_FOR_TEST_H_

#include <string>

#include "daemon/cluster/tls_files.h"

namespace ithaca::cluster {

class AuthorityForTest {
 public:
  AuthorityForTest();
  ~AuthorityForTest();
  AuthorityForTest(const AuthorityForTest&) = delete;
  AuthorityForTest& operator=(const AuthorityForTest&) = delete;

  // Makes NAME.pem and NAME.key in the folder. `alternatives` as openssl wants
  // them ("DNS:ithacad,URI:spiffe://x/ithacad"; empty: none); `days` below 0:
  // expired; `usage`: e.g. "clientAuth"; empty: everything.
  TlsPaths Issue(const std::string& name,
                 const std::string& alternatives = "DNS:ithacad", int days = 30,
                 const std::string& usage = "");

  std::string ca() const { return folder_ + "/ca.pem"; }
  const std::string& folder() const { return folder_; }

 private:
  std::string folder_;
};

// Fails the test when it cannot.
std::string ReadWhole(const std::string& path);
// Replaces the file by another one, as tools that rotate do.
void ReplaceFile(const std::string& path, const std::string& bytes, int mode);
// All three files of `to` become those of `from`.
void ReplaceFiles(const TlsPaths& from, const TlsPaths& to);

}  // namespace ithaca::cluster

#endif  // ITHACA_DAEMON_CLUSTER_TLS_FOR_TEST_H_
