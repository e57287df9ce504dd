#include "plugin/ucx/ucx_config.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <fstream>
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
    for (const char* name :
         {"UCX_TLS", "UCX_X", "UCX_TCP_TX_SEG_SIZE", "UCX_NET_DEVICES",
          "ITHACANET_UCX_TLS", "ITHACANET_UCX_NET_DEVICES"})
      unsetenv(name);
  }
  UcxApi api_;
};

TEST_F(UcxConfigTest, TcpAloneWithoutRdma) {
  ASSERT_TRUE(ReadUcxConfig(api_, RailSettings("eth3", "")).ok());
  EXPECT_EQ(modified["NET_DEVICES"], "eth3");
  EXPECT_EQ(modified["TLS"], "tcp");
  EXPECT_EQ(modified["CONN_NB"], "y");
  EXPECT_EQ(modified["RCACHE_ENABLE"], "n");
  EXPECT_EQ(modified.count("TX_SEG_SIZE"), 1u);
  EXPECT_EQ(modified.count("ZCOPY_THRESH"), 0u);
  EXPECT_EQ(released, 0);
}

TEST_F(UcxConfigTest, RdmaTakesItsDeviceAndCopies) {
  ASSERT_TRUE(ReadUcxConfig(api_, RailSettings("eth3", "mlx5_1:1")).ok());
  EXPECT_EQ(modified["NET_DEVICES"], "mlx5_1:1,eth3");
  EXPECT_EQ(modified["TLS"], "rc,tcp");
  EXPECT_EQ(modified["ZCOPY_THRESH"], "inf");
}

TEST_F(UcxConfigTest, OurVariablesBeatUcxsAndUcxsBeatDefaults) {
  setenv("UCX_TLS", "rc", 1);  // meant for MPI: must not strip our TCP
  setenv("UCX_X", "1", 1);
  std::vector<UcxSetting> settings = RailSettings("eth3", "");
  settings.push_back({"X", "2", false, false});
  ASSERT_TRUE(ReadUcxConfig(api_, settings).ok());
  EXPECT_EQ(modified["TLS"], "tcp");
  EXPECT_EQ(modified.count("X"), 0u);
  modified.clear();
  setenv("ITHACANET_UCX_TLS", "tcp,sm", 1);
  setenv("ITHACANET_UCX_NET_DEVICES", "eth9", 1);  // a rail is its interface
  ASSERT_TRUE(ReadUcxConfig(api_, RailSettings("eth3", "")).ok());
  EXPECT_EQ(modified.count("TLS"), 0u);
  EXPECT_EQ(modified["NET_DEVICES"], "eth3");
}

TEST_F(UcxConfigTest, PacketsHaveOneSizeEverywhere) {
  setenv("UCX_TCP_TX_SEG_SIZE", "8K", 1);
  setenv("ITHACANET_UCX_TCP_RX_SEG_SIZE", "8K", 1);
  ASSERT_TRUE(ReadUcxConfig(api_, RailSettings("eth3", "")).ok());
  EXPECT_EQ(modified["TX_SEG_SIZE"], modified["RX_SEG_SIZE"]);
  EXPECT_EQ(modified.count("TX_SEG_SIZE"), 1u);
  unsetenv("ITHACANET_UCX_TCP_RX_SEG_SIZE");
}

TEST_F(UcxConfigTest, NamesFollowTheVersion) {
  fake_minor = 17;
  ASSERT_TRUE(ReadUcxConfig(api_, RailSettings("eth3", "")).ok());
  EXPECT_EQ(modified["TCP_CONN_NB"], "y");
  EXPECT_EQ(modified.count("CONN_NB"), 0u);
  EXPECT_EQ(ModifyName("IB_REG_METHODS", 16), "REG_METHODS");
  EXPECT_EQ(ModifyName("IB_REG_METHODS", 17), "IB_REG_METHODS");
  EXPECT_EQ(ModifyName("TLS", 13), "TLS");
}

TEST_F(UcxConfigTest, ARefusedSettingIsNamedAndNothingLeaks) {
  const auto config = ReadUcxConfig(api_, {{"TLS", "refuse", true, false}});
  ASSERT_FALSE(config.ok());
  EXPECT_EQ(config.status().message(), "UCX refuses TLS=refuse: bad value");
  EXPECT_EQ(released, 1);
}

TEST(RdmaDeviceTest, FollowsSysfs) {
  char dir[] = "/tmp/ucx_config_test.XXXXXX";
  ASSERT_NE(mkdtemp(dir), nullptr);
  const std::string root = dir;
  const std::string net = root + "/class/net/eth3";
  std::string path = root;
  for (const char* part :
       {"/class", "/net", "/eth3", "/device", "/infiniband", "/mlx5_1"})
    ASSERT_EQ(mkdir((path += part).c_str(), 0755), 0);
  EXPECT_EQ(RdmaDevice(root, "eth3"), "mlx5_1:1");
  std::ofstream(net + "/dev_port") << "1\n";
  EXPECT_EQ(RdmaDevice(root, "eth3"), "mlx5_1:2");
  EXPECT_EQ(RdmaDevice(root, "eth4"), "");
  ASSERT_EQ(rmdir((net + "/device/infiniband/mlx5_1").c_str()), 0);
  EXPECT_EQ(RdmaDevice(root, "eth3"), "");
}

TEST(RdmaDeviceTest, LoopbackHasNone) {
  EXPECT_EQ(RdmaDevice("/sys", "lo"), "");
}

}  // namespace
}  // namespace ithaca
