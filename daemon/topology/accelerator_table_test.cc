#include "daemon/topology/accelerator_table.h"

#include <gmock/gmock.h>

#include <set>

#include "absl/strings/ascii.h"
#include "daemon/topology/check.h"

namespace ithaca::topology {
namespace {

using ::testing::HasSubstr;

TEST(KnownAccelerators, NamesAndProductsAreUnique) {
  std::set<std::string> seen;
  for (const KnownAccelerator& known : KnownAccelerators()) {
    for (const std::string& name : known.names) {
      EXPECT_EQ(name, absl::AsciiStrToLower(name));
      EXPECT_TRUE(seen.insert(name).second) << name;
    }
    for (const std::string& product : known.products) {
      EXPECT_TRUE(seen.insert(absl::AsciiStrToLower(product)).second)
          << product;
    }
    EXPECT_FALSE(known.source.empty());
  }
}

TEST(KnownAccelerators, HaveTheFiguresOfTheirDataSheets) {
  const KnownAccelerator* h100 = FindAccelerator("H100-80G");
  ASSERT_NE(h100, nullptr);
  EXPECT_EQ(h100, FindAccelerator("nvidia h100 80gb hbm3"));
  EXPECT_EQ(h100->peak_flops, 989400000000000u);
  EXPECT_EQ(h100->memory_bytes, uint64_t{80} << 30);
  EXPECT_EQ(h100->nvlink_bytes_per_second, 450000000000u);
  EXPECT_EQ(h100->megatransfers_per_second, 32000u);
  EXPECT_EQ(FindAccelerator("l40s")->nvlink_bytes_per_second, std::nullopt);
  EXPECT_TRUE(FindAccelerator("gb200")->rack_domain);
  for (const char* name : {"a100-40g", "a100-80g", "h200", "b200", "l40s",
                           "v100-32g", "mi300x", "h100-80g"}) {
    EXPECT_NE(FindAccelerator(name), nullptr) << name;
  }
}

TEST(KnownAccelerators, AnUnknownNameIsToldWithThoseThatAreKnown) {
  EXPECT_EQ(FindAccelerator("h1000"), nullptr);
  EXPECT_EQ(FindAccelerator(""), nullptr);
  EXPECT_THAT(std::string(GetAccelerator("h1000").status().message()),
              HasSubstr("h100-80g"));
}

TEST(FillFrom, KeepsWhatIsKnownAndSaysWhereTheRestIsFrom) {
  v1::Accelerator a;
  a.set_memory_bytes(7);
  FillFrom(*FindAccelerator("h100"), 3, a);
  EXPECT_EQ(a.memory_bytes(), 7u);
  EXPECT_EQ(a.model(), "NVIDIA H100 80GB HBM3");
  EXPECT_EQ(a.pci_link().lanes(), 16u);
  EXPECT_FALSE(a.has_nvlink_domain());
  ASSERT_EQ(a.origins_size(), 1);
  EXPECT_EQ(a.origins(0).source(), 3u);
  EXPECT_EQ(a.origins(0).location(), "h100-80g");
  for (const std::string& field : a.origins(0).fields()) {
    EXPECT_NE(v1::Accelerator::descriptor()->FindFieldByName(field), nullptr);
    EXPECT_NE(field, "memory_bytes");
  }
}

TEST(ReadAcceleratorTable, NamesTheLineOfAMistake) {
  const auto message = [](const char* text) {
    return std::string(ReadAcceleratorTable(text, "t").status().message());
  };
  EXPECT_THAT(message("{}"), HasSubstr("t:1: the table must be a list"));
  EXPECT_THAT(message("- names: [x]\n  peek: 1\n"), HasSubstr("t:2: peek"));
  EXPECT_THAT(message("- names: [x]\n  products: [y]\n"), HasSubstr("source"));
  EXPECT_THAT(message("- names: [x]\n  peak: 3\n"), HasSubstr("t:2: peak"));
}

}  // namespace
}  // namespace ithaca::topology
