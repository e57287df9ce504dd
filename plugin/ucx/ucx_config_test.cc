#include "plugin/ucx/ucx_config.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <map>
#include <string>
#include <vector>

namespace ithaca {
namespace {

std::map<std::string, std::string> modified;
int released;
unsigned fake_minor;

ucs_status_t FakeRead(const char* prefix, const char*, ucp_config_t** config) {
  EXPECT_STREQ(prefix, kUcxEnvPrefix);
  *config = reinterpret_cast<ucp_config_t*>(&released);
  return UCS_OK;
}
ucs_status_t FakeModify(ucp_config_t*, const char* name, const char* value) {
  if (std::string(value) == "refuse") return UCS_ERR_INVALID_PARAM;
  modified[name] = value;
  return UCS_OK;
}
void FakeRelease(ucp_config_t*) { ++released; }
void FakeVersion(unsigned* major, unsigned* minor, unsigned* release) {
  *major = 1;
  *minor = fake_minor;
  *release = 0;
}
const char* FakeString(ucs_status_t) { return "bad value"; }

class UcxConfigTest : public ::testing::Test {
 protected:
  UcxConfigTest() {
    modified.clear();
    released = 0;
    fake_minor = 13;
    api_.ucp_config_read = &FakeRead;
    api_.ucp_config_modify = &FakeModify;
    api_.ucp_config_release = &FakeRelease;
    api_.ucp_get_version = &FakeVersion;
    api_.ucs_status_string = &FakeString;
    for (const char* name : {"UCX_TLS", "UCX_X", "UCX_TCP_TX_SEG_SIZE",
                             "ITHACANET_UCX_TLS", "ITHACANET_UCX_Y"})
      unsetenv(name);
  }
  UcxApi api_;
};

TEST_F(UcxConfigTest, ARailIsItsInterface) {
  ASSERT_TRUE(ReadUcxConfig(api_, RailSettings("eth3")).ok());
  EXPECT_EQ(modified["NET_DEVICES"], "eth3");
  EXPECT_EQ(modified["TLS"], "tcp");
  EXPECT_EQ(modified["CONN_NB"], "y");
  EXPECT_EQ(modified["RCACHE_ENABLE"], "n");
  EXPECT_EQ(modified.count("TX_SEG_SIZE"), 1u);
  EXPECT_EQ(modified["PROTO_ENABLE"], "n");
  EXPECT_EQ(released, 0);
}

TEST_F(UcxConfigTest, VariablesBeatDefaultsAndNothingBeatsFixed) {
  const std::vector<UcxSetting> settings = {{"X", "2", false},
                                            {"Y", "2", false},
                                            {"Z", "2", false},
                                            {"TLS", "a", true}};
  setenv("UCX_X", "1", 1);
  setenv("ITHACANET_UCX_Y", "1", 1);
  setenv("UCX_TLS", "rc", 1);  // meant for MPI
  setenv("ITHACANET_UCX_TLS", "sm", 1);
  ASSERT_TRUE(ReadUcxConfig(api_, settings).ok());
  EXPECT_EQ(modified.count("X"), 0u);
  EXPECT_EQ(modified.count("Y"), 0u);
  EXPECT_EQ(modified["Z"], "2");
  EXPECT_EQ(modified["TLS"], "a");
}

TEST_F(UcxConfigTest, PacketsHaveOneSizeEverywhere) {
  setenv("UCX_TCP_TX_SEG_SIZE", "8K", 1);
  setenv("ITHACANET_UCX_TCP_RX_SEG_SIZE", "8K", 1);
  ASSERT_TRUE(ReadUcxConfig(api_, RailSettings("eth3")).ok());
  EXPECT_EQ(modified["TX_SEG_SIZE"], modified["RX_SEG_SIZE"]);
  EXPECT_EQ(modified.count("TX_SEG_SIZE"), 1u);
  unsetenv("ITHACANET_UCX_TCP_RX_SEG_SIZE");
}

TEST_F(UcxConfigTest, NamesFollowTheVersion) {
  fake_minor = 17;
  ASSERT_TRUE(ReadUcxConfig(api_, RailSettings("eth3")).ok());
  EXPECT_EQ(modified["TCP_CONN_NB"], "y");
  EXPECT_EQ(modified.count("CONN_NB"), 0u);
  EXPECT_EQ(ModifyName("TCP_CONN_NB", 16), "CONN_NB");
  EXPECT_EQ(ModifyName("TLS", 13), "TLS");
}

TEST_F(UcxConfigTest, ARefusedSettingIsNamedAndNothingLeaks) {
  const auto config = ReadUcxConfig(api_, {{"TLS", "refuse", true}});
  ASSERT_FALSE(config.ok());
  EXPECT_EQ(config.status().message(), "UCX refuses TLS=refuse: bad value");
  EXPECT_EQ(released, 1);
}

}  // namespace
}  // namespace ithaca
