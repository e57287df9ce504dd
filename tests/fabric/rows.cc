#include "tests/fabric/rows.h"

namespace ithaca::fabric {
namespace {

constexpr char kOneRail[] = "hosts=8,rails=1,rate=200mbit";
constexpr char kTwoRails[] = "hosts=8,rails=2,rate=200mbit";
constexpr char kFourRails[] = "hosts=8,rails=4,rate=100mbit";
const int kQueuesKib[] = {64, 256, 1024};

std::string Queue(int kib) { return ",queue=" + std::to_string(kib) + "k"; }

Row MakeRow(const std::string& name, const std::string& base, int queue_kib,
            double must) {
  Row row;
  row.name = name + "-q" + std::to_string(queue_kib);
  row.spec = base + Queue(queue_kib);
  row.must = must;
  return row;
}

// One rail of one host at 1/4 and at 1/10 of its speed.
void AddSlowRails(std::vector<Row>* rows) {
  for (int divisor : {4, 10}) {
    for (int queue : {64, 256}) {
      rows->push_back(MakeRow("slow-rail-" + std::to_string(divisor),
                              std::string(kTwoRails) + ",host3.rail1.rate=" +
                                  std::to_string(200 / divisor) + "mbit",
                              queue, 0.90));
    }
  }
}

// Four hosts of 200 Mbit/s behind 400 (2:1) or 200 (4:1).
void AddPods(std::vector<Row>* rows) {
  for (int ratio : {2, 4}) {
    for (int rails : {1, 2}) {
      for (int queue : {64, 256}) {
        rows->push_back(MakeRow(
            "pods-" + std::to_string(ratio) + "to1-rails" +
                std::to_string(rails),
            std::string(rails == 1 ? kOneRail : kTwoRails) +
                ",pods=4+4,uplink=" + std::to_string(800 / ratio) + "mbit",
            queue, 0.93));
      }
    }
  }
  const std::string three =
      std::string(kOneRail) + ",pods=4+3+1,uplink=400mbit";
  rows->push_back(MakeRow("pods-unequal", three, 256, 0.90));
  rows->push_back(
      MakeRow("pods-slow-uplink", three + ",pod1.uplink=200mbit", 256, 0.90));
}

}  // namespace

Traffic Row::MakeTraffic(const Spec& parsed) const {
  return SkewedAllToAll(parsed, bytes, skew);
}

std::vector<Row> Table() {
  std::vector<Row> rows;
  for (int queue : kQueuesKib) {
    rows.push_back(MakeRow("rails1", kOneRail, queue, 0.95));
  }
  for (int queue : kQueuesKib) {
    rows.push_back(MakeRow("rails2", kTwoRails, queue, 0.95));
  }
  for (int queue : kQueuesKib) {
    rows.push_back(MakeRow("rails4", kFourRails, queue, 0.95));
  }
  AddSlowRails(&rows);
  AddPods(&rows);
  // As many ranks as elsewhere, so that the cores are not the limit.
  rows.push_back(
      MakeRow("procs2", "hosts=4,procs=2,rails=2,rate=200mbit", 256, 0.90));
  for (int queue : {64, 256}) {
    Row small = MakeRow("small", kOneRail, queue, 0.95);
    small.bytes = 64 << 10;
    small.burst = Burst::kCounted;
    rows.push_back(small);
  }
  for (int queue : {64, 256}) {
    Row skewed = MakeRow("skewed", kOneRail, queue, 0.90);
    skewed.bytes = 128 << 10;
    skewed.skew = 8;
    rows.push_back(skewed);
  }
  return rows;
}

}  // namespace ithaca::fabric
