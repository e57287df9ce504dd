// Bounded reading of XML from outside, with the line in every error.
//
// Nothing is expanded but the five entities of XML itself. Used by the readers
// of XML files. Pure; safe from any thread.
#ifndef ITHACA_DAEMON_TOPOLOGY_XML_TEXT_H_
#define ITHACA_DAEMON_TOPOLOGY_XML_TEXT_H_

#include <tinyxml2.h>

#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace ithaca::topology {

inline constexpr size_t kMaxXmlBytes = 8 << 20;
inline constexpr int kMaxXmlDepth = 64;
inline constexpr size_t kMaxXmlElements = 1 << 17;

// The document of `text`, whose root is a `root`. `path` names the file in
// errors. Errors: INVALID_ARGUMENT when the text is no XML, has another root,
// declares entities, or is beyond the bounds above.
absl::StatusOr<std::unique_ptr<tinyxml2::XMLDocument>> ParseXml(
    absl::string_view text, absl::string_view path, const char* root);

// The attribute's text; "" when there is none.
absl::string_view Attribute(const tinyxml2::XMLElement& element,
                            const char* name);

// The attribute as a whole number, decimal or 0x; nothing when there is none or
// it is something else.
std::optional<uint64_t> NumberAttribute(const tinyxml2::XMLElement& element,
                                        const char* name);

// "line 12".
std::string LineOf(const tinyxml2::XMLElement& element);

}  // namespace ithaca::topology

#endif  // ITHACA_DAEMON_TOPOLOGY_XML_TEXT_H_
