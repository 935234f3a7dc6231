// SPDX-License-Identifier: Apache-2.0
#include <assay/detail/sha256.hpp>
#include <assay/error.hpp>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <array>

namespace assay::detail {

struct Sha256::Context {
  EVP_MD_CTX* digest = EVP_MD_CTX_new();
  Context() = default;
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  ~Context() { EVP_MD_CTX_free(digest); }
};

namespace {
void require(int ok) {
  if (ok == 1) return;
  throw Error({"assay.sha256", "OpenSSL", "a SHA-256 digest", "a failure of the library", "check its installation"});
}

/// Threads may compute digests until the process is gone: a checkpoint of a driver that a program never destroys. Where
/// assay is the first to use OpenSSL, nothing of it is torn down at exit.
void prepare() {
  static const int ready = OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, nullptr);
  require(ready);
}

/// Looked up once: `EVP_sha256` is looked up for each digest, which takes as long as the digest of a row. Kept for the
/// same threads.
const EVP_MD* algorithm() {
  prepare();
#if OPENSSL_VERSION_NUMBER >= 0x30000000L
  static const EVP_MD* const found = EVP_MD_fetch(nullptr, "SHA256", nullptr);
#else
  static const EVP_MD* const found = EVP_sha256();
#endif
  require(found != nullptr);
  return found;
}

}  // namespace

Sha256::Sha256() : context_(std::make_unique<Context>()) {
  require(EVP_DigestInit_ex(context_->digest, algorithm(), nullptr));
}
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;
Sha256::~Sha256() = default;

void Sha256::update(std::span<const std::byte> bytes) {
  require(EVP_DigestUpdate(context_->digest, bytes.data(), bytes.size()));
}

namespace {

std::string in_hexadecimal(std::span<const unsigned char> bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (const unsigned char byte : bytes) {
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

}  // namespace

std::string Sha256::hex() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  require(EVP_DigestFinal_ex(context_->digest, digest.data(), &size));
  return in_hexadecimal({digest.data(), size});
}

Sha256Bytes sha256_bytes(std::string_view bytes) {
  Sha256Bytes digest;
  unsigned int size = 0;
  require(EVP_Digest(bytes.data(), bytes.size(), reinterpret_cast<unsigned char*>(digest.data()), &size, algorithm(),
                     nullptr));
  return digest;
}

std::string sha256(std::string_view bytes) {
  const Sha256Bytes digest = sha256_bytes(bytes);
  return in_hexadecimal({reinterpret_cast<const unsigned char*>(digest.data()), digest.size()});
}

}  // namespace assay::detail
