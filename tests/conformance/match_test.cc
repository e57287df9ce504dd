// Which send a receive gets: order and tags.
#include <cstdint>

#include "tests/conformance/fixture.h"

namespace ithaca::conformance {
namespace {

class Match : public Conformance {
 protected:
  void SetUp() override {
    Conformance::SetUp();
    if (HasFatalFailure()) return;
    link_ = Connect();
    ASSERT_NE(link_.send, nullptr);
    ASSERT_NE(link_.recv, nullptr);
  }
  Link link_;
};
INSTANTIATE_TEST_SUITE_P(Net, Match, ::testing::ValuesIn(NetVersions()),
                         ::testing::PrintToStringParamName());

TEST_P(Match, ReceivesPostedFirstAreTakenInOrder) {
  constexpr int kMessages = 32;
  std::vector<std::vector<char>> in(kMessages, std::vector<char>(30'000));
  std::vector<std::vector<char>> out;
  std::vector<Transfer*> all;
  for (auto& buffer : in)
    all.push_back(Recv(link_.recv, buffer.data(), buffer.size(), 5, nullptr));
  for (int i = 0; i < kMessages; ++i) {
    out.push_back(Pattern(1 + i * 900, i));
    all.push_back(Send(link_.send, out[i].data(), out[i].size(), 5, nullptr));
  }
  Wait(all);
  ASSERT_FALSE(HasFailure());
  for (int i = 0; i < kMessages; ++i) {
    EXPECT_EQ(all[i]->sizes[0], static_cast<int>(out[i].size()));
    in[i].resize(out[i].size());
    EXPECT_EQ(in[i], out[i]) << i;
  }
}

TEST_P(Match, TagsMatchAndEachIsFifo) {
  // Sent: tag 1, 2, 1, 2, ...; received: all of tag 2, then all of tag 1.
  constexpr int kEach = 12;
  std::vector<std::vector<char>> out;
  std::vector<Transfer*> all;
  for (int i = 0; i < 2 * kEach; ++i) {
    out.push_back(Pattern(i % 3 == 0 ? 150'000 : 300, 50 + i));
    all.push_back(
        Send(link_.send, out[i].data(), out[i].size(), 1 + i % 2, nullptr));
  }
  std::vector<std::vector<char>> in(2 * kEach, std::vector<char>(200'000));
  std::vector<Transfer*> recvs(2 * kEach);
  for (int tag : {2, 1}) {
    for (int i = tag - 1; i < 2 * kEach; i += 2) {
      recvs[i] = Recv(link_.recv, in[i].data(), in[i].size(), tag, nullptr);
      all.push_back(recvs[i]);
    }
  }
  Wait(all);
  ASSERT_FALSE(HasFailure());
  for (int i = 0; i < 2 * kEach; ++i) {
    EXPECT_EQ(recvs[i]->sizes[0], static_cast<int>(out[i].size())) << i;
    in[i].resize(out[i].size());
    EXPECT_EQ(in[i], out[i]) << i;
  }
}

TEST_P(Match, EveryTagValueIsATag) {
  for (int tag : {0, 1, -1, 1 << 30, INT32_MAX, INT32_MIN}) {
    char in = 0;
    const char out = 'y';
    Transfer* recv = Recv(link_.recv, &in, 1, tag, nullptr);
    Wait({Send(link_.send, &out, 1, tag, nullptr), recv});
    EXPECT_EQ(in, 'y') << tag;
  }
}

}  // namespace
}  // namespace ithaca::conformance
