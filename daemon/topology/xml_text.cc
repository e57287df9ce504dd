#include "daemon/topology/xml_text.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "daemon/topology/file_error.h"
#include "daemon/topology/pci_text.h"

namespace ithaca::topology {
namespace {

// Walks through a document and holds it to the bounds.
class Bouncer : public tinyxml2::XMLVisitor {
 public:
  explicit Bouncer(absl::string_view path) : path_(path) {}

  bool VisitEnter(const tinyxml2::XMLElement& element,
                  const tinyxml2::XMLAttribute*) override {
    if (++count_ > kMaxXmlElements)
      Fail(element, absl::StrCat("more than ", kMaxXmlElements, " elements"));
    if (++depth_ > kMaxXmlDepth)
      Fail(element,
           absl::StrCat("nests deeper than ", kMaxXmlDepth, " levels"));
    return status_.ok();
  }
  bool VisitExit(const tinyxml2::XMLElement&) override {
    --depth_;
    return status_.ok();
  }
  bool Visit(const tinyxml2::XMLUnknown& unknown) override {
    if (absl::StrContains(unknown.Value(), "["))
      Fail(unknown, "declares a document type of its own; take it out");
    return status_.ok();
  }
  const absl::Status& status() const { return status_; }

 private:
  void Fail(const tinyxml2::XMLNode& node, absl::string_view problem) {
    if (status_.ok()) status_ = FileError(path_, node.GetLineNum(), problem);
  }

  const absl::string_view path_;
  absl::Status status_;
  size_t count_ = 0;
  int depth_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<tinyxml2::XMLDocument>> ParseXml(
    absl::string_view text, absl::string_view path, const char* root) {
  if (text.size() > kMaxXmlBytes) {
    return FileError(path, 0,
                     absl::StrCat("is ", text.size(), " bytes, at most ",
                                  kMaxXmlBytes, " are read"));
  }
  auto document = std::make_unique<tinyxml2::XMLDocument>();
  if (document->Parse(text.data(), text.size()) != tinyxml2::XML_SUCCESS) {
    return FileError(
        path, document->ErrorLineNum(),
        absl::StrCat("is not well-formed XML (", document->ErrorName(), ")"));
  }
  Bouncer bouncer(path);
  document->Accept(&bouncer);
  if (!bouncer.status().ok()) return bouncer.status();
  const tinyxml2::XMLElement* top = document->RootElement();
  if (top == nullptr || absl::string_view(top->Name()) != root) {
    return FileError(
        path, top == nullptr ? 0 : top->GetLineNum(),
        absl::StrCat("the outermost element must be <", root, ">"));
  }
  return document;
}

absl::string_view Attribute(const tinyxml2::XMLElement& element,
                            const char* name) {
  const char* value = element.Attribute(name);
  return value == nullptr ? "" : value;
}

std::optional<uint64_t> NumberAttribute(const tinyxml2::XMLElement& element,
                                        const char* name) {
  return ParseWhole(Attribute(element, name));
}

std::string LineOf(const tinyxml2::XMLElement& element) {
  return absl::StrCat("line ", element.GetLineNum());
}

}  // namespace ithaca::topology
