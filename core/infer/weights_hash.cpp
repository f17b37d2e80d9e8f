// SPDX-License-Identifier: Apache-2.0
#include "core/infer/weights_hash.h"

#include "core/base/text.h"

#include <openssl/evp.h>

#include <array>
#include <fstream>
#include <memory>

namespace argand::infer {

Result<std::string> sha256OfFile(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    return fail(ErrorCode::InputRefused, fmt::format("{} cannot be read.", displayed(path)));
  }
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                        &EVP_MD_CTX_free);
  bool good = context && EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) == 1;
  std::array<char, 1U << 16U> piece{};
  while (good && file) {
    file.read(piece.data(), piece.size());
    good =
        EVP_DigestUpdate(context.get(), piece.data(), static_cast<std::size_t>(file.gcount())) == 1;
  }
  if (file.bad()) {
    return fail(ErrorCode::InputRefused, fmt::format("Reading {} failed.", displayed(path)));
  }
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int length = 0;
  if (!good || EVP_DigestFinal_ex(context.get(), digest.data(), &length) != 1) {
    return fail(ErrorCode::Internal, "OpenSSL computes no SHA-256.");
  }
  std::string text;
  for (unsigned int n = 0; n < length; ++n) {
    text += fmt::format("{:02x}", digest[n]);
  }
  return text;
}

}  // namespace argand::infer
