#include "daemon/planner/search/digest.h"

#include <cstring>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/planner/plan_hash.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace ithaca::planner {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

uint64_t BitsOf(double value) {
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}

// One value; `index` is below 0 for a field that is not repeated.
std::string ValueOf(const Message& message, const FieldDescriptor* field,
                    int index) {
  const Reflection& r = *message.GetReflection();
  const bool one = index < 0;
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_UINT32:
      return absl::StrCat(one ? r.GetUInt32(message, field)
                              : r.GetRepeatedUInt32(message, field, index));
    case FieldDescriptor::CPPTYPE_UINT64:
      return absl::StrCat(one ? r.GetUInt64(message, field)
                              : r.GetRepeatedUInt64(message, field, index));
    case FieldDescriptor::CPPTYPE_INT64:
      return absl::StrCat(one ? r.GetInt64(message, field)
                              : r.GetRepeatedInt64(message, field, index));
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return absl::StrCat(
          BitsOf(one ? r.GetDouble(message, field)
                     : r.GetRepeatedDouble(message, field, index)));
    case FieldDescriptor::CPPTYPE_ENUM:
      return absl::StrCat(one ? r.GetEnumValue(message, field)
                              : r.GetRepeatedEnumValue(message, field, index));
    case FieldDescriptor::CPPTYPE_STRING: {
      const std::string text = one ? r.GetString(message, field)
                                   : r.GetRepeatedString(message, field, index);
      return absl::StrCat(text.size(), ":", text);
    }
    default:
      return "?";
  }
}

void Append(const Message& message, const std::string& path,
            std::string& text) {
  std::vector<const FieldDescriptor*> fields;
  message.GetReflection()->ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    const Reflection& r = *message.GetReflection();
    const int count = field->is_repeated() ? r.FieldSize(message, field) : 1;
    for (int i = 0; i < count; ++i) {
      const int index = field->is_repeated() ? i : -1;
      const std::string here = absl::StrCat(path, ".", field->number());
      if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
        absl::StrAppend(&text, here, "\n");
        Append(index < 0 ? r.GetMessage(message, field)
                         : r.GetRepeatedMessage(message, field, index),
               here, text);
      } else {
        absl::StrAppend(&text, here, "=", ValueOf(message, field, index), "\n");
      }
    }
  }
}

}  // namespace

std::string DigestOf(const v1::Estimate& estimate) {
  v1::Estimate copy = estimate;
  copy.clear_digest();
  std::string text;
  Append(copy, "", text);
  return Sha256Hex(text);
}

}  // namespace ithaca::planner
