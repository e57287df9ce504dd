#include "daemon/topology/pci_text.h"

#include <gtest/gtest.h>

namespace ithaca::topology {
namespace {

TEST(NormalPciAddress, HasOneForm) {
  EXPECT_EQ(NormalPciAddress("0000:18:00.0"), "0000:18:00.0");
  EXPECT_EQ(NormalPciAddress("00000000:1A:00.0"), "0000:1a:00.0");
  EXPECT_EQ(NormalPciAddress("0000:18:00"), "0000:18:00.0");
  EXPECT_EQ(NormalPciAddress("10000:e1:00.0"), "10000:e1:00.0");
  EXPECT_EQ(NormalPciAddress("fffffff:ff:ff.0"), "fffffff:ff:ff.0");
  for (const char* other : {"", "x", "0000:18", "0:1:2:3", "g:00:00.0", "::"})
    EXPECT_EQ(NormalPciAddress(other), other);
}

TEST(SetPciLink, TakesWhatTheKernelWrites) {
  v1::PciLink link;
  SetPciLink("32.0 GT/s PCIe", "16", link);
  EXPECT_EQ(link.megatransfers_per_second(), 32000u);
  EXPECT_EQ(link.lanes(), 16u);
  EXPECT_EQ(PciSpeedText(link), "32.0 GT/s PCIe");
  SetPciLink("2.5 GT/s", "8", link);
  EXPECT_EQ(PciSpeedText(link), "2.5 GT/s PCIe");
  v1::PciLink unknown;
  for (const char* text : {"", "Unknown", "nan GT/s", "-1 GT/s", "1e9 GT/s"})
    SetPciLink(text, "0", unknown);
  SetPciLink("", "255", unknown);
  EXPECT_EQ(unknown.ByteSizeLong(), 0u);
  EXPECT_EQ(PciSpeedText(unknown), "");
}

TEST(CpuListOfMask, IsTheReverseOfMaskOfCpuList) {
  EXPECT_EQ(CpuListOfMask("00000000,0000ffff"), "0-15");
  EXPECT_EQ(CpuListOfMask("0x00000001,,0x00000005"), "0,2,64");
  EXPECT_EQ(CpuListOfMask("3"), "0-1");
  EXPECT_EQ(CpuListOfMask(""), "");
  EXPECT_EQ(CpuListOfMask("0xf...f"), "");
  EXPECT_EQ(CpuListOfMask("123456789"), "");
  EXPECT_EQ(MaskOfCpuList("0-15,32"), "00000001,0000ffff");
  EXPECT_EQ(MaskOfCpuList("3-1"), "");
  EXPECT_EQ(MaskOfCpuList("4096"), "");
  EXPECT_EQ(MaskOfCpuList("x"), "");
  for (const char* list : {"0", "0-71", "5,7,9-100", "4095"})
    EXPECT_EQ(CpuListOfMask(MaskOfCpuList(list)), list);
}

TEST(ParseWhole, TakesDecimalAndHexadecimal) {
  EXPECT_EQ(ParseWhole("0x1F"), 31u);
  EXPECT_EQ(ParseWhole("18446744073709551615"), UINT64_MAX);
  for (const char* bad : {"", "-1", "+1", "0x", "1x", " 1",
                          "18446744073709551616", "0x11111111111111111"})
    EXPECT_FALSE(ParseWhole(bad).has_value()) << bad;
}

}  // namespace
}  // namespace ithaca::topology
