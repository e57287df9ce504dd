// What needs no etcd: names, layout, versions.

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "daemon/store/etcd/etcd_store.h"
#include "daemon/store/etcd/layout.h"
#include "daemon/store/etcd/options.h"

namespace ithaca::store::etcd {
namespace {

TEST(ParseOptions, TakesEndpointsAndOptions) {
  const auto options = ParseOptions(
      "a.example:2379,[::1]:1,10.0.0.1:65535,prefix=prod/x,ca=/c,cert=/d,key=/"
      "e");
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->endpoints,
            (std::vector<std::string>{"a.example:2379", "[::1]:1",
                                      "10.0.0.1:65535"}));
  EXPECT_EQ(options->prefix, "prod/x/");
  EXPECT_EQ(options->ca + options->cert + options->key, "/c/d/e");
  EXPECT_EQ(ParseOptions("a:1")->prefix, "ithaca/");
}

TEST(ParseOptions, RefusesWhatIsNotClear) {
  for (const char* bad : {"",
                          ",",
                          "a",
                          "a:",
                          ":1",
                          "a:0",
                          "a:65536",
                          "a:x",
                          "a:1,",
                          "a:1,a:1",
                          "http://a:1",
                          "::1:1",
                          "prefix=x",
                          "a:1,prefix=",
                          "a:1,colour=red",
                          "a:1,cert=/d,ca=/c",
                          "a:1,cert=/d,key=/e",
                          "a:1,ca=/c,ca=/d",
                          "a:1 b:2",
                          "a:1/x"}) {
    const auto options = ParseOptions(bad);
    EXPECT_EQ(options.status().code(), absl::StatusCode::kInvalidArgument)
        << bad;
    EXPECT_NE(std::string(options.status().message()).find("etcd:HOST:PORT"),
              std::string::npos)
        << options.status();
  }
}

TEST(VersionWarning, KnowsWhichAreFit) {
  for (const char* fit : {"3.5.28", "3.5.30", "3.6.9", "3.7.0", "4.0.0"})
    EXPECT_EQ(VersionWarning("e:1", fit), "") << fit;
  for (const char* unfit :
       {"3.4.23", "3.4.99", "3.5.27", "3.6.8", "2.3.8", "3.6.0-alpha.0", ""}) {
    const std::string text = VersionWarning("e:1", unfit);
    EXPECT_NE(text.find("e:1"), std::string::npos) << unfit;
    EXPECT_NE(text.find("upgrade"), std::string::npos) << unfit;
  }
}

TEST(Layout, EnvelopesSurviveARoundTrip) {
  const std::string value("\x02\0\xff", 3);
  EXPECT_EQ(DecodeEnvelope(EncodeInline(value))->value, value);
  EXPECT_EQ(EncodeInline(""), std::string("\x01"));
  EXPECT_EQ(DecodeEnvelope(EncodeInline(""))->value, "");
  const Pieces pieces{PiecesBase("w1", 7, std::string("k/\0/e", 5)), 3,
                      2 * kPieceBytes + 1};
  const std::string bytes = EncodePieces(pieces);
  EXPECT_EQ(bytes.substr(0, 13),
            std::string("\x02\x03\0\0\0\x01\0\x20\0\0\0\0\0", 13));
  const auto back = DecodeEnvelope(bytes);
  ASSERT_TRUE(back.ok() && back->pieces.has_value());
  EXPECT_EQ(back->pieces->base, pieces.base);
  EXPECT_EQ(back->pieces->count, 3u);
  EXPECT_EQ(back->pieces->bytes, pieces.bytes);
}

TEST(Layout, PieceNamesSayWhoseTheyAre) {
  const std::string key("k/\0/e", 5);
  const Layout layout("p/");
  const std::string name = layout.Piece(PiecesBase("w1", 7, key), 12);
  const auto piece = ParsePiece(name.substr(layout.AllPieces().size()));
  ASSERT_TRUE(piece.has_value());
  EXPECT_EQ(piece->writer, "w1");
  EXPECT_EQ(piece->key, key);
  EXPECT_EQ(piece->base, PiecesBase("w1", 7, key));
  for (const char* bad : {"", "w", "w/", "w/1", "w/1/", "/1/k", "w/1/k"})
    EXPECT_FALSE(ParsePiece(bad).has_value()) << bad;
  EXPECT_EQ(layout.KeyOf(layout.Entry("k")), "k");
  EXPECT_EQ(layout.KeyOf("p"), "");
}

// Bytes from outside are understood or refused; what is understood says the
// same when it is written again.
TEST(Layout, MutatedEnvelopesNeverCrash) {
  std::mt19937 random(20240607);
  const std::string seeds[] = {
      EncodeInline("value"),
      EncodePieces({PiecesBase("writer", 3, "some/key"), 4, 4 * kPieceBytes})};
  int understood = 0;
  for (int round = 0; round < 300'000; ++round) {
    std::string bytes = seeds[random() % 2];
    const int hits = 1 + static_cast<int>(random() % 4);
    for (int i = 0; i < hits; ++i)
      bytes[random() % bytes.size()] = static_cast<char>(random());
    if (random() % 4 == 0) bytes.resize(random() % (bytes.size() + 1));
    const auto envelope = DecodeEnvelope(bytes);
    if (!envelope.ok()) continue;
    ++understood;
    const std::string again = envelope->pieces.has_value()
                                  ? EncodePieces(*envelope->pieces)
                                  : EncodeInline(envelope->value);
    ASSERT_EQ(again, bytes);
  }
  EXPECT_GT(understood, 1000);
}

}  // namespace
}  // namespace ithaca::store::etcd
