// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace assay::detail {

/// A SHA-256 digest, computed by OpenSSL.
class Sha256 {
 public:
  Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  ~Sha256();

  void update(std::string_view text) { update(std::as_bytes(std::span(text))); }
  void update(std::span<const std::byte> bytes);
  /// 64 hexadecimal digits; ends the digest.
  std::string hex();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

using Sha256Bytes = std::array<std::byte, 32>;

/// Of all bytes at once.
Sha256Bytes sha256_bytes(std::string_view bytes);
/// The same in hexadecimal.
std::string sha256(std::string_view bytes);

}  // namespace assay::detail
