// SPDX-License-Identifier: Apache-2.0
#include "core/engine/graph/safetensors.h"

#include "tests/support/test_data.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

namespace argand::engine {
namespace {

using ::testing::HasSubstr;

std::string fileOf(const std::string& header, std::size_t dataBytes) {
  const std::uint64_t length = header.size();
  std::string bytes(sizeof length, '\0');
  std::memcpy(bytes.data(), &length, sizeof length);
  return bytes + header + std::string(dataBytes, 'x');
}

Result<TensorFile> parsed(const std::string& bytes) {
  return parseTensorFile(std::as_bytes(std::span(bytes)), "weights");
}

TensorFile sample() {
  TensorFile file;
  file.metadata["format"] = "argand";
  for (const char* name : {"b.weight", "a.bias"}) {
    StoredTensor tensor;
    tensor.name = name;
    tensor.dtype = "F32";
    tensor.shape = {2, 3};
    for (int n = 0; n < 24; ++n) {
      tensor.data.push_back(static_cast<std::byte>(n * 7));
    }
    file.tensors.push_back(tensor);
  }
  return file;
}

TEST(Safetensors, KeepsEveryByteOnTheWayToDiskAndBack) {
  const auto path = test::testDir() / "weights.safetensors";
  const TensorFile file = sample();
  ASSERT_TRUE(writeTensorFile(path, file));
  const auto read = readTensorFile(path);
  ASSERT_TRUE(read) << read.error().message;
  ASSERT_EQ(read->tensors.size(), 2U);
  EXPECT_EQ(read->metadata, file.metadata);
  for (std::size_t n = 0; n < 2; ++n) {
    EXPECT_EQ(read->tensors[n].name, file.tensors[n].name);
    EXPECT_EQ(read->tensors[n].shape, file.tensors[n].shape);
    EXPECT_EQ(read->tensors[n].data, file.tensors[n].data);
  }
  EXPECT_NE(read->find("a.bias"), nullptr);
  EXPECT_EQ(read->find("c"), nullptr);
}

TEST(Safetensors, RefusesEveryTruncation) {
  const std::string whole = serialized(sample());
  for (std::size_t length = 0; length < whole.size(); ++length) {
    EXPECT_FALSE(parsed(whole.substr(0, length))) << length;
  }
  EXPECT_FALSE(parsed(whole + "x"));
}

TEST(Safetensors, RefusesWhatIsMalformedByName) {
  const struct {
    const char* header;
    std::size_t data;
    const char* says;
  } cases[] = {
      {"[1]", 0, "JSON object"},
      {"{", 0, "JSON object"},
      {R"({"w":{"dtype":"F32","shape":[2]}})", 8, "data_offsets"},
      {R"({"w":{"shape":[2],"data_offsets":[0,8]}})", 8, "dtype"},
      {R"({"w":{"dtype":"F33","shape":[2],"data_offsets":[0,8]}})", 8, "F33"},
      {R"({"w":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}})", 8, "shape"},
      {R"({"w":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})", 8, "needs 12 bytes"},
      {R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}})", 8, "data offsets"},
      {R"({"w":{"dtype":"F32","shape":[9223372036854775807,8],"data_offsets":[0,8]}})",
       8,
       "memory"},
      {R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
       R"("v":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})",
       12,
       "overlaps"},
      {R"({"w":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})", 8, "gap"},
      {R"({"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 8, "after its last"},
      {R"({"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
       R"("w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
       4,
       "twice"},
      {R"({"__metadata__":{"a":1}})", 0, "metadata"},
      {R"({"w":5})", 0, "'w'"},
  };

  for (const auto& one : cases) {
    const auto file = parsed(fileOf(one.header, one.data));
    ASSERT_FALSE(file) << one.header;
    EXPECT_EQ(file.error().code, ErrorCode::InputRefused);
    EXPECT_THAT(file.error().message, HasSubstr(one.says)) << one.header;
  }
}

TEST(Safetensors, RefusesAHeaderLongerThanTheFile) {
  std::string bytes = fileOf("{}", 0);
  bytes[5] = '\x7f';
  EXPECT_FALSE(parsed(bytes));
}

}  // namespace
}  // namespace argand::engine
