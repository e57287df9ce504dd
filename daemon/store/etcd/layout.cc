#include "daemon/store/etcd/layout.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "daemon/store/store.h"

namespace ithaca::store::etcd {
namespace {

constexpr char kInline = 0x01;
constexpr char kInPieces = 0x02;
constexpr size_t kHeadBytes = 1 + 4 + 8;

absl::string_view View(std::string_view text) {
  return {text.data(), text.size()};
}

void AppendLittleEndian(uint64_t number, size_t bytes, std::string* out) {
  for (size_t i = 0; i < bytes; ++i)
    out->push_back(static_cast<char>(number >> (8 * i)));
}

uint64_t ReadLittleEndian(std::string_view bytes) {
  uint64_t number = 0;
  for (size_t i = bytes.size(); i-- > 0;)
    number = number << 8 | static_cast<unsigned char>(bytes[i]);
  return number;
}

absl::Status NoEnvelope(const char* why) {
  return absl::DataLossError(
      absl::StrCat("a value in etcd is not ours (", why,
                   "): another program or a newer ithacad wrote below this "
                   "prefix; give the store a prefix= of its own"));
}

}  // namespace

std::string EncodeInline(std::string_view value) {
  std::string bytes(1, kInline);
  bytes.append(value);
  return bytes;
}

std::string EncodePieces(const Pieces& pieces) {
  std::string bytes(1, kInPieces);
  AppendLittleEndian(pieces.count, 4, &bytes);
  AppendLittleEndian(pieces.bytes, 8, &bytes);
  return bytes + pieces.base;
}

absl::StatusOr<Envelope> DecodeEnvelope(std::string_view bytes) {
  if (bytes.empty()) return NoEnvelope("it is empty");
  if (bytes[0] == kInline)
    return Envelope{std::string(bytes.substr(1)), std::nullopt};
  if (bytes[0] != kInPieces) return NoEnvelope("unknown kind");
  if (bytes.size() <= kHeadBytes) return NoEnvelope("it is cut off");
  Pieces pieces;
  pieces.count = static_cast<uint32_t>(ReadLittleEndian(bytes.substr(1, 4)));
  pieces.bytes = ReadLittleEndian(bytes.substr(5, 8));
  pieces.base = std::string(bytes.substr(kHeadBytes));
  if (pieces.bytes > kMaxValueBytes ||
      pieces.count != (pieces.bytes + kPieceBytes - 1) / kPieceBytes) {
    return NoEnvelope("an impossible size");
  }
  if (!ParsePiece(absl::StrCat(pieces.base, "0000")).has_value())
    return NoEnvelope("an impossible name");
  return Envelope{"", std::move(pieces)};
}

std::optional<PieceName> ParsePiece(std::string_view name) {
  const size_t writer_end = name.find('/');
  if (writer_end == std::string_view::npos || writer_end == 0)
    return std::nullopt;
  const size_t number_end = name.find('/', writer_end + 1);
  // The key may hold zeros; the index never does.
  const size_t zero = name.rfind('\0');
  if (number_end == std::string_view::npos || zero == std::string_view::npos ||
      zero <= number_end + 1) {
    return std::nullopt;
  }
  return PieceName{
      std::string(name.substr(0, writer_end)),
      std::string(name.substr(0, zero + 1)),
      std::string(name.substr(number_end + 1, zero - number_end - 1))};
}

std::string PiecesBase(const std::string& writer, uint64_t n,
                       std::string_view key) {
  std::string base = absl::StrCat(writer, "/", n, "/", View(key));
  base.push_back('\0');
  return base;
}

std::string Layout::Entry(std::string_view key) const {
  return absl::StrCat(prefix_, "d/", View(key));
}

std::string_view Layout::KeyOf(std::string_view entry) const {
  const size_t head = prefix_.size() + 2;
  return entry.size() < head ? std::string_view() : entry.substr(head);
}

std::string Layout::Piece(const std::string& base, uint32_t index) const {
  return absl::StrCat(prefix_, "c/", base, absl::StrFormat("%04u", index));
}

std::string Layout::AllPieces(const std::string& base) const {
  return absl::StrCat(prefix_, "c/", base);
}

std::string Layout::Writer(const std::string& writer) const {
  return absl::StrCat(prefix_, "w/", writer);
}

std::string Layout::Slot(const std::string& writer, size_t slot) const {
  return absl::StrCat(prefix_, "w/", writer, "/", slot);
}

}  // namespace ithaca::store::etcd
