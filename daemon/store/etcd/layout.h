// How the store's entries lie in etcd.
//
// Used by the etcd store alone. Pure functions. All keys are below the
// configured prefix P:
//
//   P d/<key>                        an entry; its value is an envelope (below)
//   P c/<writer>/<n>/<key>\0<iiii>   piece iiii (decimal) of a large value that
//                                    <writer> wrote for <key> as its n-th
//   P w/<writer>                     there while the writer lives (its lease)
//   P w/<writer>/<slot>              id of the last write through a slot (same
//                                    lease)
//
// An envelope, by its first byte:
//
//   0x01  the rest is the value
//   0x02  the value is in pieces:
//         1..4    number of pieces, little endian
//         5..12   bytes of the value, little endian
//         13..    the pieces' common key from "<writer>" up to and with the \0
//
// A piece is at most kPieceBytes, all but the last are exactly that: etcd takes
// at most 1.5 MiB in a request. Pieces are on the disk before the entry that
// names them, and never change. Another first byte is a newer version's.
#ifndef ITHACA_DAEMON_STORE_ETCD_LAYOUT_H_
#define ITHACA_DAEMON_STORE_ETCD_LAYOUT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace ithaca::store::etcd {

inline constexpr size_t kPieceBytes = size_t{1} << 20;
// A larger value is put in pieces; so are more, the largest first, until what a
// transaction writes itself has at most kInlineTxnBytes.
inline constexpr size_t kInlineBytes = size_t{256} << 10;
inline constexpr size_t kInlineTxnBytes = size_t{1} << 20;

// Where a large value is.
struct Pieces {
  // "<writer>/<n>/<key>\0".
  std::string base;
  uint32_t count = 0;
  uint64_t bytes = 0;
};

// What a value in etcd says: the value, or where it is.
struct Envelope {
  std::string value;
  std::optional<Pieces> pieces;
};

std::string EncodeInline(std::string_view value);
std::string EncodePieces(const Pieces& pieces);
// DATA_LOSS when it is no envelope.
absl::StatusOr<Envelope> DecodeEnvelope(std::string_view bytes);

// What a piece's key after "P c/" says; nothing: it is no such key.
struct PieceName {
  std::string writer;
  std::string base;
  // The entry that the value was written for.
  std::string key;
};
std::optional<PieceName> ParsePiece(std::string_view name);

class Layout {
 public:
  explicit Layout(std::string prefix) : prefix_(std::move(prefix)) {}

  std::string Entry(std::string_view key) const;
  // The key of an entry in etcd, back; empty: it is none.
  std::string_view KeyOf(std::string_view entry) const;
  std::string Piece(const std::string& base, uint32_t index) const;
  // Prefix of every piece; of those of one value.
  std::string AllPieces() const { return prefix_ + "c/"; }
  std::string AllPieces(const std::string& base) const;
  std::string Writer(const std::string& writer) const;
  std::string Slot(const std::string& writer, size_t slot) const;

 private:
  const std::string prefix_;
};

// "<writer>/<n>/<key>\0".
std::string PiecesBase(const std::string& writer, uint64_t n,
                       std::string_view key);

}  // namespace ithaca::store::etcd

#endif  // ITHACA_DAEMON_STORE_ETCD_LAYOUT_H_
