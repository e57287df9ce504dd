// How every HTTP/2 client begins (RFC 9113, section 3.4): 24 fixed bytes, then
// a SETTINGS frame; and how every TLS client does (RFC 8446, sections 4 and 5):
// a handshake record that holds a ClientHello. What does not begin so is not a
// client of ours.
//
// Used by FrontDoor. Threads: pure function.
#ifndef ITHACA_DAEMON_SERVER_PREFACE_H_
#define ITHACA_DAEMON_SERVER_PREFACE_H_

#include <cstddef>
#include <string_view>

namespace ithaca::server {

// The preface and the head of the first frame.
inline constexpr size_t kPrefaceBytes = 24 + 9;

enum class Preface { kIncomplete, kGood, kBad };

// Judges the first bytes of a connection, of which kPrefaceBytes are enough.
Preface JudgePreface(std::string_view bytes);

// The same for TLS; no more than kPrefaceBytes are needed.
Preface JudgeClientHello(std::string_view bytes);

}  // namespace ithaca::server

#endif  // ITHACA_DAEMON_SERVER_PREFACE_H_
