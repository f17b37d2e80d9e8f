// SPDX-License-Identifier: Apache-2.0
// Window mode beside MONAI, where the judges' Python environment is installed.
#include "core/base/json.h"
#include "core/engine/run/parameters_torch.h"
#include "core/engine/run/windows.h"
#include "tests/core/engine/engine_support.h"
#include "tests/support/test_data.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

namespace argand::engine {
namespace {

namespace fs = std::filesystem;

void writeFloats(const fs::path& path, std::span<const float> values) {
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(values.data()),
             static_cast<std::streamsize>(values.size_bytes()));
}

std::span<const float> floatsOf(const at::Tensor& tensor) {
  return {tensor.const_data_ptr<float>(), static_cast<std::size_t>(tensor.numel())};
}

TEST(WindowsBesideMonai, GiveTheSameScores) {
  const char* const given = std::getenv("ARGAND_JUDGES");
  const char* const home = std::getenv("HOME");
  const fs::path judges = given != nullptr
                              ? fs::path(given)
                              : fs::path(home == nullptr ? "" : home) / ".cache/argand-judges";
  const std::string python = (judges / "bin/python").string();
  const auto there = argand::test::runIfInstalled(python, "-c 'import monai'");
  if (!there || there->status != 0) {
    GTEST_SKIP() << python << " has no MONAI.";
  }
  Graph graph;
  const NodeId input = graph.add("input", InputOp{1});
  graph.add("conv", ConvOp{3}, {input});
  const Parameters parameters = Parameters::initialised(graph, 9).value();
  for (const Extent& size : {Extent{37, 21, 30}, Extent{7, 33, 18}}) {
    const fs::path folder = argand::test::testDir();
    const Shape shape{1, 1, size};
    const WindowOptions options{{16, 12, 10}, 0.3};
    const std::vector<float> voxels = test::noiseFor(shape);
    PlanRequest request;
    request.input = shape;
    request.devices = test::devices(2);
    auto executor =
        WindowExecutor::create(graph, parameters, planWindows(graph, request, options).value())
            .value();
    std::vector<float> scores;
    ASSERT_TRUE(executor.run(voxels, [&](const ScoreSlab& slab) -> Result<void> {
      scores.insert(scores.end(), slab.scores.begin(), slab.scores.end());
      return {};
    }));
    writeFloats(folder / "input.f32", voxels);
    writeFloats(folder / "scores.f32", scores);
    writeFloats(folder / "weight.f32", floatsOf(parameters.tensors().get("conv.weight")));
    writeFloats(folder / "bias.f32", floatsOf(parameters.tensors().get("conv.bias")));
    std::ofstream(folder / "case.json")
        << Json{{"size", {size.d, size.h, size.w}},
                {"window", {options.size.d, options.size.h, options.size.w}},
                {"overlap", options.overlap},
                {"classes", 3}};
    const auto ran = argand::test::runIfInstalled(
        python, fmt::format("'{}' '{}'", ARGAND_MONAI_SCRIPT, folder.string()));
    ASSERT_TRUE(ran && ran->status == 0) << (ran ? ran->output : "");
    const std::string last =
        ran->output.substr(ran->output.find_last_of('\n', ran->output.size() - 2) + 1);
    EXPECT_LT(std::stod(last), 1e-5) << toString(size);
  }
}

}  // namespace
}  // namespace argand::engine
