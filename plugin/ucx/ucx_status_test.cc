#include "plugin/ucx/ucx_status.h"

#include <gtest/gtest.h>

namespace ithaca {
namespace {

const char* FakeString(ucs_status_t) { return "words"; }

UcxApi FakeApi() {
  UcxApi api;
  api.ucs_status_string = &FakeString;
  return api;
}

TEST(UcxStatusTest, OkIsOk) {
  EXPECT_TRUE(UcxStatus(FakeApi(), UCS_OK, "x").ok());
  EXPECT_TRUE(UcxStatus(FakeApi(), UCS_INPROGRESS, "x").ok());
}

TEST(UcxStatusTest, EveryErrorHasACodeAndWords) {
  for (int s = -1; s > UCS_ERR_LAST; --s) {
    const Status status =
        UcxStatus(FakeApi(), static_cast<ucs_status_t>(s), "doing");
    ASSERT_FALSE(status.ok()) << s;
    EXPECT_EQ(status.message(), "doing: words");
  }
}

TEST(UcxStatusTest, WhatEndsAPeerIsUnavailable) {
  for (const ucs_status_t s :
       {UCS_ERR_UNREACHABLE, UCS_ERR_CONNECTION_RESET, UCS_ERR_NOT_CONNECTED,
        UCS_ERR_ENDPOINT_TIMEOUT, UCS_ERR_CANCELED, UCS_ERR_IO_ERROR,
        UCS_ERR_REJECTED, UCS_ERR_TIMED_OUT, UCS_ERR_SOME_CONNECTS_FAILED})
    EXPECT_EQ(UcxCode(s), Code::kUnavailable) << s;
  for (int s = UCS_ERR_FIRST_LINK_FAILURE; s >= UCS_ERR_LAST_ENDPOINT_FAILURE;
       --s)
    EXPECT_EQ(UcxCode(static_cast<ucs_status_t>(s)), Code::kUnavailable) << s;
}

TEST(UcxStatusTest, TheRest) {
  EXPECT_EQ(UcxCode(UCS_ERR_NO_MEMORY), Code::kResourceExhausted);
  EXPECT_EQ(UcxCode(UCS_ERR_NO_RESOURCE), Code::kResourceExhausted);
  EXPECT_EQ(UcxCode(UCS_ERR_EXCEEDS_LIMIT), Code::kResourceExhausted);
  EXPECT_EQ(UcxCode(UCS_ERR_INVALID_PARAM), Code::kInvalidArgument);
  EXPECT_EQ(UcxCode(UCS_ERR_INVALID_ADDR), Code::kInvalidArgument);
  EXPECT_EQ(UcxCode(UCS_ERR_NO_DEVICE), Code::kNotFound);
  EXPECT_EQ(UcxCode(UCS_ERR_NO_ELEM), Code::kNotFound);
  EXPECT_EQ(UcxCode(UCS_ERR_MESSAGE_TRUNCATED), Code::kDataLoss);
  EXPECT_EQ(UcxCode(UCS_ERR_UNSUPPORTED), Code::kInternal);
  EXPECT_EQ(UcxCode(UCS_ERR_NOT_IMPLEMENTED), Code::kInternal);
}

}  // namespace
}  // namespace ithaca
