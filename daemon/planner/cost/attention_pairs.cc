#include "daemon/planner/cost/attention_pairs.h"

#include <algorithm>
#include <vector>

namespace ithaca::planner {
namespace {

using Wide = unsigned __int128;

Wide Triangle(Wide n) { return n * (n + 1) / 2; }

// Keys that the queries of one document see. Block-sparse counts as full; the
// density is the same for every rank.
class Document {
 public:
  Document(const Work& work, uint64_t length) : length_(length) {
    switch (work.mask) {
      case AttentionMask::kFull:
      case AttentionMask::kBlockSparse:
        all_ = true;
        break;
      case AttentionMask::kCausal:
        window_ = length;
        break;
      case AttentionMask::kSlidingWindow:
        window_ = std::min(work.window, length);
        break;
    }
  }

  // Pairs of the first n queries.
  Wide First(uint64_t n) const {
    if (all_) return Wide{n} * length_;
    if (n <= window_) return Triangle(n);
    return Triangle(window_) + Wide{n - window_} * window_;
  }

  // Pairs of the queries start, start + step, ... REQUIRES: start < length.
  Wide Strided(uint64_t start, uint64_t step) const {
    const uint64_t count = (length_ - start + step - 1) / step;
    if (all_) return Wide{count} * length_;
    // Query i sees min(i + 1, window) keys.
    const uint64_t growing =
        start >= window_ ? 0
                         : std::min(count, (window_ - start + step - 1) / step);
    return Wide{growing} * (start + 1) +
           Wide{step} * Triangle(growing == 0 ? 0 : growing - 1) +
           Wide{count - growing} * window_;
  }

 private:
  const uint64_t length_;
  bool all_ = false;
  uint64_t window_ = 0;
};

// The first token of part i of n.
uint64_t StartOfPart(uint64_t tokens, uint64_t parts, uint64_t i) {
  return tokens / parts * i + std::min(i, tokens % parts);
}

struct Lengths {
  explicit Lengths(const Work& work)
      : first(work.documents.empty() ? &work.sequence : work.documents.data()),
        count(work.documents.empty() ? 1 : work.documents.size()) {}
  const uint64_t* begin() const { return first; }
  const uint64_t* end() const { return first + count; }
  const uint64_t* first;
  size_t count;
};

Wide Pairs(const Work& work) {
  Wide pairs = 0;
  for (uint64_t length : Lengths(work)) {
    pairs += Document(work, length).First(length);
  }
  return pairs;
}

// Pairs of one of `parts` contiguous parts. One document.
Wide PairsOfPart(const Work& work, uint64_t parts, uint64_t i) {
  const Document document(work, work.sequence);
  return document.First(StartOfPart(work.sequence, parts, i + 1)) -
         document.First(StartOfPart(work.sequence, parts, i));
}

Wide MostOfOneDocument(const Work& work, uint32_t ring, TokenOrder order) {
  Wide most = 0;
  for (uint64_t rank = 0; rank < ring; ++rank) {
    Wide pairs = 0;
    switch (order) {
      case TokenOrder::kContiguous:
        pairs = PairsOfPart(work, ring, rank);
        break;
      case TokenOrder::kStriped:
        pairs = Document(work, work.sequence).Strided(rank, ring);
        break;
      case TokenOrder::kZigzag:
        pairs = PairsOfPart(work, uint64_t{2} * ring, rank) +
                PairsOfPart(work, uint64_t{2} * ring,
                            uint64_t{2} * ring - 1 - rank);
        break;
    }
    most = std::max(most, pairs);
  }
  return most;
}

// Pairs of each rank when the sequence is cut into parts and part i goes to
// owner(i): walks documents and parts together.
template <typename Owner>
void AddParts(const Work& work, uint64_t parts, Owner owner,
              std::vector<Wide>& pairs) {
  uint64_t part = 0;
  uint64_t start = 0;  // of the document
  for (uint64_t length : work.documents) {
    const Document document(work, length);
    uint64_t done = 0;
    while (done < length) {
      const uint64_t end = StartOfPart(work.sequence, parts, part + 1);
      const uint64_t upto = std::min(length, end - start);
      pairs[owner(part)] += document.First(upto) - document.First(done);
      done = upto;
      if (start + upto == end) ++part;
    }
    start += length;
  }
}

void AddStripes(const Work& work, uint32_t ring, std::vector<Wide>& pairs) {
  uint64_t start = 0;
  for (uint64_t length : work.documents) {
    const Document document(work, length);
    const uint64_t first = std::min<uint64_t>(length, ring);
    for (uint64_t i = 0; i < first; ++i) {
      pairs[(start + i) % ring] += document.Strided(i, ring);
    }
    start += length;
  }
}

Wide MostOfDocuments(const Work& work, uint32_t ring, TokenOrder order) {
  std::vector<Wide> pairs(ring, 0);
  switch (order) {
    case TokenOrder::kContiguous:
      AddParts(
          work, ring, [](uint64_t part) { return part; }, pairs);
      break;
    case TokenOrder::kZigzag:
      AddParts(
          work, uint64_t{2} * ring,
          [ring](uint64_t part) {
            return std::min(part, uint64_t{2} * ring - 1 - part);
          },
          pairs);
      break;
    case TokenOrder::kStriped:
      AddStripes(work, ring, pairs);
      break;
  }
  return *std::max_element(pairs.begin(), pairs.end());
}

}  // namespace

double AttentionPairs(const Work& work) {
  const double pairs = static_cast<double>(Pairs(work));
  return work.mask == AttentionMask::kBlockSparse ? pairs * work.density
                                                  : pairs;
}

double RingImbalance(const Work& work, uint32_t ring, TokenOrder order) {
  if (ring == 1) return 1;
  const Wide most = work.documents.empty()
                        ? MostOfOneDocument(work, ring, order)
                        : MostOfDocuments(work, ring, order);
  return static_cast<double>(most) * ring / static_cast<double>(Pairs(work));
}

}  // namespace ithaca::planner
