// SPDX-License-Identifier: Apache-2.0
#include "models/registry.h"

#include "core/base/file.h"
#include "core/base/log.h"
#include "core/engine/run/parameters.h"
#include "core/infer/weights_hash.h"
#include "tests/core/infer/fake_models.h"
#include "tests/support/test_data.h"

#include <gmock/gmock.h>

#include <fstream>

namespace argand::models {

namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class RegistryTest : public ::testing::Test {
 protected:
  RegistryTest() {
    m_card = test::sampleCard("nnunet-plain:channels=2-4,classes=3");
    const auto graph = buildNetwork(m_card.network).value();
    EXPECT_TRUE(engine::Parameters::initialised(graph, 1).value().save(weights()));
    m_card.weightsSha256 = infer::sha256OfFile(weights()).value();
  }

  ~RegistryTest() override { log::clearSinks(); }

  [[nodiscard]] fs::path weights() const { return m_folder / "new.safetensors"; }

  [[nodiscard]] static std::string messageOf(const Result<void>& result) {
    return result ? "done" : result.error().message;
  }

  fs::path m_folder = test::testDir();
  Registry m_registry{m_folder / "shipped", m_folder / "own"};
  infer::ModelCard m_card;
};

TEST_F(RegistryTest, InstallsAModelAndLoadsIt) {
  EXPECT_TRUE(m_registry.list().empty());
  ASSERT_EQ(messageOf(m_registry.install(m_card, weights())), "done");
  ASSERT_EQ(m_registry.list().size(), 1U);
  EXPECT_EQ(m_registry.list()[0].toJson(), m_card.toJson());
  const auto loaded = m_registry.load("sample");
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->weights, m_folder / "own" / "sample" / "weights.safetensors");
  EXPECT_EQ(loaded->graph, m_registry.network(m_card.network).value());
  EXPECT_THAT(messageOf(m_registry.install(m_card, weights())), HasSubstr("already"));
}

TEST_F(RegistryTest, NamesTheModelsThereAreWhereOneIsMissing) {
  ASSERT_TRUE(m_registry.install(m_card, weights()));
  const auto missing = m_registry.card("other");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::InputRefused);
  EXPECT_THAT(missing.error().message, AllOf(HasSubstr("'other'"), HasSubstr("sample")));
}

TEST_F(RegistryTest, RefusesWeightsThatAreNotTheCards) {
  ASSERT_TRUE(m_registry.install(m_card, weights()));
  const fs::path stored = m_folder / "own" / "sample" / "weights.safetensors";
  std::fstream file(stored, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(-1, std::ios::end);
  file.put('\x7f');
  file.close();
  const auto loaded = m_registry.load("sample");
  ASSERT_FALSE(loaded);
  EXPECT_THAT(loaded.error().message, AllOf(HasSubstr("SHA-256"), HasSubstr("sample")));
}

TEST_F(RegistryTest, RefusesWeightsOfAnotherNetwork) {
  m_card.network = "nnunet-plain:channels=2-8,classes=3";
  EXPECT_THAT(messageOf(m_registry.install(m_card, weights())), HasSubstr("another shape"));
  m_card.network = "nnunet-plain:channels=2-4-8,classes=3";
  EXPECT_THAT(messageOf(m_registry.install(m_card, weights())), HasSubstr("tensor"));
  m_card.network = "nnunet-plain:channels=2-4,classes=4";
  EXPECT_THAT(messageOf(m_registry.install(m_card, weights())), HasSubstr("4 classes"));
  EXPECT_TRUE(m_registry.list().empty());
  EXPECT_FALSE(fs::exists(m_folder / "own" / "sample"));
}

TEST_F(RegistryTest, LeavesOutACardThatCannotBeReadAndSaysSo) {
  ASSERT_TRUE(m_registry.install(m_card, weights()));
  fs::create_directories(m_folder / "shipped" / "broken");
  ASSERT_TRUE(writeFileAtomically(m_folder / "shipped" / "broken" / "card.json", "{"));
  std::string logged;
  log::addSink(log::Level::Warning, [&](auto, std::string_view text) { logged += text; });
  EXPECT_EQ(m_registry.list().size(), 1U);
  EXPECT_THAT(logged, HasSubstr("broken"));
  EXPECT_FALSE(m_registry.card("broken"));
}

TEST(Registry, HasTheHippocampusModel) {
  const Registry registry;
  const auto loaded = registry.load("hippocampus-t1");
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_LE(fs::file_size(loaded->weights), 8U * 1024U * 1024U);
  EXPECT_EQ(loaded->card.license, "CC-BY-SA-4.0");
  EXPECT_THAT(loaded->card.attribution, HasSubstr("Medical Segmentation Decathlon"));
  EXPECT_TRUE(engine::Parameters::load(loaded->graph, loaded->weights));
}

}  // namespace

}  // namespace argand::models
