#include "daemon/cluster/tls_for_test.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace ithaca::cluster {
namespace {

constexpr char kNewKey[] =
    "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes ";

void Run(const std::string& command) {
  EXPECT_EQ(std::system((command + " >/dev/null 2>&1").c_str()), 0) << command;
}

}  // namespace

AuthorityForTest::AuthorityForTest() : folder_("/tmp/ithaca-tls.XXXXXX") {
  EXPECT_NE(mkdtemp(folder_.data()), nullptr);
  Run("cd " + folder_ + " && openssl req -x509 " + kNewKey +
      "-keyout ca.key -out ca.pem -days 30 -subj '/CN=Authority'");
}

AuthorityForTest::~AuthorityForTest() { std::filesystem::remove_all(folder_); }

TlsPaths AuthorityForTest::Issue(const std::string& name,
                                 const std::string& alternatives, int days,
                                 const std::string& usage) {
  std::string request = "cd " + folder_ + " && openssl req " + kNewKey +
                        "-keyout " + name + ".key -out " + name +
                        ".csr -subj '/CN=" + name + "'";
  if (!alternatives.empty())
    request += " -addext 'subjectAltName=" + alternatives + "'";
  if (!usage.empty()) request += " -addext 'extendedKeyUsage=" + usage + "'";
  Run(request);
  Run("cd " + folder_ + " && openssl x509 -req -in " + name +
      ".csr -CA ca.pem -CAkey ca.key -CAcreateserial -copy_extensions copy "
      "-days " +
      std::to_string(days) + " -out " + name + ".pem");
  return {folder_ + "/" + name + ".pem", folder_ + "/" + name + ".key", ca()};
}

std::string ReadWhole(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.good()) << path;
  std::ostringstream all;
  all << file.rdbuf();
  return all.str();
}

void ReplaceFile(const std::string& path, const std::string& bytes, int mode) {
  const std::string fresh = path + ".new";
  std::ofstream(fresh, std::ios::binary) << bytes;
  EXPECT_EQ(chmod(fresh.c_str(), static_cast<mode_t>(mode)), 0);
  EXPECT_EQ(std::rename(fresh.c_str(), path.c_str()), 0);
}

void ReplaceFiles(const TlsPaths& from, const TlsPaths& to) {
  ReplaceFile(to.ca, ReadWhole(from.ca), 0644);
  ReplaceFile(to.key, ReadWhole(from.key), 0600);
  ReplaceFile(to.cert, ReadWhole(from.cert), 0644);
}

}  // namespace ithaca::cluster
