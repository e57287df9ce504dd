#include "tests/histories/epoch_ledger.h"

#include <gtest/gtest.h>

namespace ithaca::histories {
namespace {

void ExpectRule(const EpochLedger& ledger, const std::string& rule) {
  const std::vector<std::string> violations = ledger.Check();
  ASSERT_FALSE(violations.empty()) << "expected: " << rule;
  EXPECT_EQ(violations.front().substr(0, rule.size()), rule)
      << violations.front();
}

TEST(EpochLedgerTest, RisingNumbersPass) {
  EpochLedger ledger;
  ledger.Made(5, "g", 0, 1);
  ledger.Saw(5, "g", 2, 3);
  ledger.Made(7, "h", 2, 4);
  ledger.Made(9, "g", 5, 6);
  // The call was made before 9 was known.
  ledger.Saw(5, "g", 4, 8);
  EXPECT_EQ(ledger.Check(), std::vector<std::string>());
}

TEST(EpochLedgerTest, RepeatedIsFound) {
  EpochLedger ledger;
  ledger.Made(5, "g", 0, 3);
  ledger.Made(5, "h", 1, 4);
  ExpectRule(ledger, "repeated");
}

TEST(EpochLedgerTest, GoingBackIsFound) {
  EpochLedger ledger;
  ledger.Saw(7, "g", 0, 1);
  ledger.Saw(5, "g", 2, 3);
  ExpectRule(ledger, "went back");
}

TEST(EpochLedgerTest, GivenOutAgainIsFound) {
  EpochLedger ledger;
  ledger.Made(7, "g", 0, 1);
  ledger.Made(6, "h", 2, 3);
  ExpectRule(ledger, "given out again");
  // What is only seen may be old.
  EpochLedger old;
  old.Made(7, "g", 0, 1);
  old.Saw(6, "h", 2, 3);
  EXPECT_EQ(old.Check(), std::vector<std::string>());
}

}  // namespace
}  // namespace ithaca::histories
