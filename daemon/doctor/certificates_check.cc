#include <openssl/asn1.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <ctime>
#include <memory>

#include "absl/strings/str_cat.h"
#include "daemon/doctor/checks.h"

namespace ithaca::doctor {
namespace {

constexpr int kWarnDays = 14;

// Days until the first certificate of the file ends; nothing: it holds none.
std::optional<int> DaysLeft(const std::string& text, int64_t now) {
  const std::unique_ptr<BIO, int (*)(BIO*)> bio(
      BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), BIO_free);
  const std::unique_ptr<X509, void (*)(X509*)> certificate(
      PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr), X509_free);
  if (certificate == nullptr) return std::nullopt;
  const std::unique_ptr<ASN1_TIME, void (*)(ASN1_TIME*)> from(
      ASN1_TIME_set(nullptr, static_cast<time_t>(now)), ASN1_TIME_free);
  int days = 0, seconds = 0;
  if (ASN1_TIME_diff(&days, &seconds, from.get(),
                     X509_get0_notAfter(certificate.get())) != 1)
    return std::nullopt;
  // Less than a day ago counts as ended, too.
  return seconds < 0 ? days - 1 : days;
}

void CheckOne(const Host& host, const std::string& path, Report* report) {
  if (path.empty()) return;
  const auto text = host.Read(path);
  if (!text.has_value()) {
    report->Fail(path + " cannot be read",
                 "does it exist, and may ithacad's user read it?");
    return;
  }
  const auto days = DaysLeft(*text, host.unix_seconds());
  if (!days.has_value()) {
    report->Fail(path + " holds no certificate in PEM", "give another file");
  } else if (*days < 0) {
    report->Fail(path + " has expired",
                 "renew it; ithacad takes the new file "
                 "without a restart");
  } else if (*days < kWarnDays) {
    report->Warn(absl::StrCat(path, " ends in ", *days, " days"),
                 "renew it; ithacad takes the new file without a restart");
  } else {
    report->Ok(absl::StrCat(path, " is good for ", *days, " days"));
  }
}

}  // namespace

Findings CheckCertificates(const Host& host) {
  Report report("certificates");
  CheckOne(host, host.tls_cert, &report);
  CheckOne(host, host.tls_ca, &report);
  if (report.empty()) report.Ok("none is used; ithacad has no TCP door then");
  return report.Take();
}

}  // namespace ithaca::doctor
