// Holds the protos to buf's STANDARD lint rules, and to one of ours: every
// message, field, enum, value, service and method has a comment.

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <gtest/gtest.h>

#include <cctype>
#include <fstream>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace {

using google::protobuf::Descriptor;
using google::protobuf::DescriptorPool;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;
using google::protobuf::FileDescriptorProto;
using google::protobuf::FileDescriptorSet;
using google::protobuf::MethodDescriptor;
using google::protobuf::ServiceDescriptor;
using google::protobuf::SourceLocation;

// "GroupState" -> "GROUP_STATE".
std::string UpperSnake(const std::string& pascal) {
  std::string out;
  for (size_t i = 0; i < pascal.size(); ++i) {
    if (i > 0 && std::isupper(static_cast<unsigned char>(pascal[i])) != 0)
      out += '_';
    out +=
        static_cast<char>(std::toupper(static_cast<unsigned char>(pascal[i])));
  }
  return out;
}

bool IsSnake(const std::string& name) {
  for (char c : name) {
    if ((c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_') return false;
  }
  return !name.empty() && name.front() != '_' && name.back() != '_';
}

bool IsPascal(const std::string& name) {
  return std::isupper(static_cast<unsigned char>(name[0])) != 0 &&
         name.find('_') == std::string::npos;
}

bool EndsWith(const std::string& text, const std::string& end) {
  return text.size() >= end.size() &&
         text.compare(text.size() - end.size(), end.size(), end) == 0;
}

// Collects what is wrong, one line each.
class Linter {
 public:
  std::vector<std::string> Lint(const FileDescriptor& file) {
    findings_.clear();
    const std::string& path = file.name();
    std::string package = path.substr(0, path.rfind('/'));
    for (char& c : package) c = c == '/' ? '.' : c;
    Expect(file.package() == package, path + ": package is not its directory");
    Expect(EndsWith(file.package(), ".v1"), path + ": package has no version suffix");
    Expect(file.syntax() == FileDescriptor::SYNTAX_PROTO3,
           path + ": not proto3");
    for (int i = 0; i < file.message_type_count(); ++i)
      Message(*file.message_type(i));
    for (int i = 0; i < file.enum_type_count(); ++i) Enum(*file.enum_type(i));
    for (int i = 0; i < file.service_count(); ++i) Service(*file.service(i));
    return findings_;
  }

 private:
  void Expect(bool good, const std::string& finding) {
    if (!good) findings_.push_back(finding);
  }

  template <typename T>
  void Commented(const T& thing) {
    SourceLocation where;
    Expect(thing.GetSourceLocation(&where) && !where.leading_comments.empty(),
           thing.full_name() + ": no comment above it");
  }

  void Message(const Descriptor& message) {
    if (message.options().map_entry()) return;
    Commented(message);
    Expect(IsPascal(message.name()), message.full_name() + ": not PascalCase");
    for (int i = 0; i < message.field_count(); ++i) {
      const FieldDescriptor& field = *message.field(i);
      Commented(field);
      Expect(IsSnake(field.name()),
             field.full_name() + ": not lower_snake_case");
    }
    for (int i = 0; i < message.real_oneof_decl_count(); ++i) {
      Commented(*message.oneof_decl(i));
    }
    for (int i = 0; i < message.nested_type_count(); ++i)
      Message(*message.nested_type(i));
    for (int i = 0; i < message.enum_type_count(); ++i)
      Enum(*message.enum_type(i));
  }

  void Enum(const EnumDescriptor& type) {
    Commented(type);
    const std::string prefix = UpperSnake(type.name()) + "_";
    Expect(type.value(0)->number() == 0 &&
               type.value(0)->name() == prefix + "UNSPECIFIED",
           type.full_name() + ": value 0 is not " + prefix + "UNSPECIFIED");
    for (int i = 0; i < type.value_count(); ++i) {
      Commented(*type.value(i));
      Expect(type.value(i)->name().rfind(prefix, 0) == 0,
             type.value(i)->full_name() + ": does not begin with " + prefix);
    }
  }

  void Service(const ServiceDescriptor& service) {
    Commented(service);
    Expect(EndsWith(service.name(), "Service"),
           service.full_name() + ": not *Service");
    for (int i = 0; i < service.method_count(); ++i) {
      const MethodDescriptor& method = *service.method(i);
      Commented(method);
      OwnType(method, *method.input_type(), "Request");
      OwnType(method, *method.output_type(), "Response");
    }
  }

  void OwnType(const MethodDescriptor& method, const Descriptor& type,
               const std::string& suffix) {
    Expect(type.name() == method.name() + suffix,
           method.full_name() + ": type is not named after the method + " +
               suffix);
    Expect(used_.insert(type.full_name()).second,
           type.full_name() + ": used by more than one method");
  }

  std::set<std::string> used_;
  std::vector<std::string> findings_;
};

FileDescriptorSet ReadSet(const std::string& area, const std::string& stem) {
  std::ifstream in(
      "proto/ithaca/" + area + "/v1/" + stem + "_proto_descriptor.bin",
      std::ios::binary);
  FileDescriptorSet set;
  EXPECT_TRUE(in.good() && set.ParseFromIstream(&in)) << area << " " << stem;
  return set;
}

TEST(ProtoLint, EveryFileHolds) {
  Linter linter;
  DescriptorPool pool;
  std::set<std::string> linted;
  const std::vector<std::pair<std::string, std::string>> files = {
      {"topology", "topology"}, {"planner", "planner"}, {"groups", "groups"},
      {"groups", "errors"},     {"groups", "storage"},  {"tuning", "tuning"}, {"admin", "admin"}};
  for (const auto& [area, stem] : files) {
    const FileDescriptorSet set = ReadSet(area, stem);
    for (const FileDescriptorProto& file : set.file()) {
      if (pool.FindFileByName(file.name()) != nullptr) continue;
      const FileDescriptor* built = pool.BuildFile(file);
      ASSERT_NE(built, nullptr) << file.name();
      if (file.name().rfind("ithaca/", 0) != 0) continue;
      linted.insert(file.name());
      for (const std::string& finding : linter.Lint(*built))
        ADD_FAILURE() << finding;
    }
  }
  EXPECT_EQ(linted.size(), files.size());
}

// The linter itself: a file that breaks every rule once.
TEST(ProtoLint, FindsWhatIsWrong) {
  FileDescriptorProto file;
  file.set_name("ithaca/bad/v1/bad.proto");
  file.set_package("ithaca.worse.v2");
  file.set_syntax("proto3");
  auto* message = file.add_message_type();
  message->set_name("bad_message");
  auto* field = message->add_field();
  field->set_name("BadField");
  field->set_number(1);
  field->set_type(google::protobuf::FieldDescriptorProto::TYPE_INT32);
  field->set_label(google::protobuf::FieldDescriptorProto::LABEL_OPTIONAL);
  auto* type = file.add_enum_type();
  type->set_name("BadEnum");
  auto* value = type->add_value();
  value->set_name("ZERO");
  value->set_number(0);
  auto* service = file.add_service();
  service->set_name("Bad");
  auto* method = service->add_method();
  method->set_name("Do");
  method->set_input_type(".ithaca.worse.v2.bad_message");
  method->set_output_type(".ithaca.worse.v2.bad_message");

  DescriptorPool pool;
  const FileDescriptor* built = pool.BuildFile(file);
  ASSERT_NE(built, nullptr);
  // package, version; 6 comments; 2 case; enum zero, enum prefix; service name;
  // 2 type names, 1 shared type.
  EXPECT_EQ(Linter().Lint(*built).size(), 16u);
}

}  // namespace
