#include "daemon/planner/cost/measurements.h"

#include <cmath>
#include <random>
#include <string>

#include "daemon/planner/test_seed.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace ithaca::planner {
namespace {

using testing::HasSubstr;

constexpr char kPerf[] =
    R"({"event":"iteration","bytes":1024,"iteration":0,"wall_us":12.5}
{"event":"summary","tool":"ithaca-perf","format":1,"plugin":{"name":"x"},)"
    R"("run":{"pattern":"alltoall","ranks":4,"iterations":10},"results":[)"
    R"({"bytes":1048576,"iterations":10,"median_us":500.0,)"
    R"("payload_bytes":125829120},)"
    R"({"bytes":1024,"iterations":10,"median_us":20.0,"payload_bytes":122880}]})"
    "\n";

constexpr char kNcclText[] =
    R"(# nccl-tests version 2.17.6 nccl-headers=22809 nccl-library=22809
# Collective test starting: alltoall_perf
# nThread 1 nGpus 2 minBytes 1048576 maxBytes 4194304 step: 2(factor)
#
# Using devices
#  Rank  0 Group  0 Pid 4711 on   node-1 device  0 [0000:18:00] NVIDIA H100
#  Rank  1 Group  0 Pid 4711 on   node-1 device  1 [0000:2a:00] NVIDIA H100
#
#                                                              out-of-place                       in-place
#       size         count      type   redop    root     time   algbw   busbw  #wrong     time   algbw   busbw  #wrong
#        (B)    (elements)                               (us)  (GB/s)  (GB/s)            (us)  (GB/s)  (GB/s)
     1048576        131072     float    none      -1    20.50   51.15   25.57       0    20.10   52.17   26.08     N/A
     2097152        262144     float    none      -1     1234   99.00   49.50       0    30.10   69.67   34.84     N/A
# Out of bounds values : 0 OK
# Avg bus bandwidth    : 34.0
#
)";

constexpr char kNcclJson[] =
    R"({"version":2,"args":["/opt/alltoall_perf","-J","x"],"config":{)"
    R"("devices":[{"rank":0},{"rank":1}]},"results":[{"size":1048576,)"
    R"("count":131072,"type":"float","out_of_place":{"time":20.5,"alg_bw":51.1},)"
    R"("in_place":null}],"errors":[null]})";

void ExpectPoints(const absl::StatusOr<std::vector<MeasuredTime>>& points,
                  const std::vector<MeasuredTime>& expected) {
  ASSERT_TRUE(points.ok()) << points.status();
  ASSERT_EQ(points->size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_DOUBLE_EQ((*points)[i].bytes, expected[i].bytes);
    EXPECT_DOUBLE_EQ((*points)[i].seconds, expected[i].seconds);
  }
}

TEST(Measurements, IthacaPerf) {
  // Of 4 ranks each sends to three others.
  ExpectPoints(ParseMeasurements(kPerf),
               {{3 * 1024, 20e-6}, {3 * 1048576, 500e-6}});
  const std::string document =
      std::string(kPerf).substr(std::string(kPerf).find('\n') + 1);
  ExpectPoints(ParseMeasurements(document),
               {{3 * 1024, 20e-6}, {3 * 1048576, 500e-6}});
}

TEST(Measurements, NcclTests) {
  ExpectPoints(ParseMeasurements(kNcclText),
               {{524288, 20.5e-6}, {1048576, 1234e-6}});
  ExpectPoints(ParseMeasurements(kNcclText, 8),
               {{1048576 * 7 / 8, 20.5e-6}, {2097152 * 7 / 8, 1234e-6}});
  ExpectPoints(ParseMeasurements(kNcclJson), {{524288, 20.5e-6}});
}

TEST(Measurements, NcclTestsBeforeTheColumnRoot) {
  ExpectPoints(
      ParseMeasurements(
          "#   size    count   type   redop     time   algbw   busbw  error\n"
          " 1024   256   float   none   1500   51.15   25.57   0e+00\n"
          "some warning of a launcher that says 1 2 3 and nothing else here\n",
          4),
      {{768, 1500e-6}});
}

TEST(Measurements, TheLastOfASizeCounts) {
  ExpectPoints(ParseMeasurements("# size count type redop root time\n"
                                 "64 16 float none -1 9.0 1 1 0\n"
                                 "32 8 float none -1 8.0 1 1 0\n"
                                 "64 16 float none -1 7.0 1 1 0\n",
                                 2),
               {{16, 8e-6}, {32, 7e-6}});
}

void ExpectError(const std::string& text, const std::string& what,
                 uint32_t ranks = 0) {
  const auto points = ParseMeasurements(text, ranks);
  ASSERT_FALSE(points.ok()) << text;
  EXPECT_EQ(points.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(points.status().message()), HasSubstr(what));
}

std::string Replace(std::string text, const std::string& from,
                    const std::string& to) {
  return text.replace(text.find(from), from.size(), to);
}

TEST(Measurements, SaysWhatIsWrong) {
  ExpectError("", "number of ranks");
  ExpectError("", "no sizes", 2);
  ExpectError("{", "not a JSON object");
  ExpectError("{\"a\":1}", "neither");
  ExpectError(std::string(kMaxMeasurementBytes + 1, ' '), "at most");
  ExpectError("{\"a\":" + std::string(100, '[') + std::string(100, ']') + "}",
              "nests deeper");
  ExpectError(Replace(kPerf, "alltoall", "sendrecv"), "sendrecv");
  ExpectError(Replace(kPerf, "\"ranks\":4", "\"ranks\":1"), "run.ranks");
  ExpectError(Replace(kPerf, "500.0", "-1"), "time of");
  ExpectError(Replace(kPerf, "122880", "null"), "size is missing");
  ExpectError("{\"event\":\"iteration\"}\n", "without a summary");
  ExpectError(Replace(kNcclText, "alltoall_perf", "all_reduce_perf"),
              "not of alltoall_perf");
  ExpectError(Replace(kNcclText, "20.50", "nan  "), "time of");
  ExpectError(Replace(kNcclText, "20.50", "x.50 "), "no time");
  ExpectError(Replace(kNcclText, "     1048576 ", "    -1048576 "),
              "size is missing");
  ExpectError(Replace(kNcclJson, "alltoall_perf", "broadcast_perf"),
              "not alltoall_perf");
  ExpectError(Replace(kNcclJson, "[{\"rank\":0},{\"rank\":1}]", "[]"),
              "number of ranks");
  ExpectError(Replace(kNcclJson, "20.5", "null"), "time of");
  std::string many = "# size count type redop root time\n";
  for (size_t i = 0; i <= kMaxMeasurements; ++i) {
    many += std::to_string(i + 1) + " 1 float none -1 9.0 1 1 0\n";
  }
  ExpectError(many, "more than", 2);
}

// Whatever comes, the points are usable or there is an error.
TEST(Measurements, Mutations) {
  std::mt19937_64 random(TestSeed());
  const std::string seeds[] = {kPerf, kNcclText, kNcclJson};
  const std::string bits = "{}[]\",:0123456789eE+-. \n#nulltrue";
  for (int i = 0; i < 20000; ++i) {
    std::string text = seeds[random() % 3];
    for (uint64_t n = 1 + random() % 6; n > 0; --n) {
      const size_t at = random() % text.size();
      switch (random() % 4) {
        case 0:
          text[at] = bits[random() % bits.size()];
          break;
        case 1:
          text.erase(at, 1 + random() % 20);
          break;
        case 2:
          text.insert(at, text.substr(random() % text.size(), random() % 40));
          break;
        default:
          text[at] = static_cast<char>(random());
      }
      if (text.empty()) text = "{";
    }
    const auto points = ParseMeasurements(text, random() % 3);
    if (!points.ok()) continue;
    double before = -1;
    for (const MeasuredTime& point : *points) {
      ASSERT_GT(point.bytes, before) << text;
      ASSERT_TRUE(std::isfinite(point.bytes)) << text;
      ASSERT_TRUE(point.seconds > 0 && std::isfinite(point.seconds)) << text;
      before = point.bytes;
    }
  }
}

}  // namespace
}  // namespace ithaca::planner
