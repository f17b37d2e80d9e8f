// SPDX-License-Identifier: Apache-2.0
// Every builder against the original network: same random weights, same output.
// The originals' outputs are stored (tests/data/networks, written by
// reference_networks.py) and, where their Python packages are, made anew.
#include "core/engine/run/parameters_torch.h"
#include "core/engine/training/differentiable.h"
#include "models/networks/networks.h"
#include "tests/core/engine/engine_support.h"
#include "tests/support/test_data.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <gmock/gmock.h>

#include <cstdlib>
#include <cstring>
#include <iostream>
#include <set>

namespace argand::models {
namespace {

namespace fs = std::filesystem;
using engine::Graph;
using engine::Parameters;
using engine::Plan;
using engine::Shape;
using engine::StoredTensor;
using engine::TensorFile;

const fs::path kStored = ARGAND_REFERENCE_NETWORKS;

at::Tensor tensorOf(const StoredTensor& stored) {
  const bool wide = stored.dtype == "F64";
  at::Tensor tensor = at::empty(stored.shape, wide ? at::kDouble : at::kFloat);
  EXPECT_EQ(static_cast<std::size_t>(tensor.nbytes()), stored.data.size());
  std::memcpy(tensor.mutable_data_ptr(), stored.data.data(), stored.data.size());
  return tensor;
}

struct Reference {
  std::string network;
  Graph graph;
  Parameters parameters;  // in fp32
  at::Tensor input;
  at::Tensor output;  // in fp64
  Shape shape;
};

// Every tensor of the file has its place in the network, and the other way round.
Reference read(const fs::path& path) {
  TensorFile file = engine::readTensorFile(path).value();
  Reference reference;
  reference.network = file.metadata.at("network");
  reference.graph = buildNetwork(reference.network).value();
  reference.input = tensorOf(*file.find("reference.input"));
  reference.output = tensorOf(*file.find("reference.output"));
  reference.shape = {1,
                     reference.input.size(1),
                     {reference.input.size(2), reference.input.size(3), reference.input.size(4)}};
  std::erase_if(file.tensors,
                [](const StoredTensor& t) { return t.name.rfind("reference.", 0) == 0; });
  auto parameters = Parameters::fromFile(reference.graph, file);
  EXPECT_TRUE(parameters) << parameters.error().message;
  reference.parameters = *parameters;
  return reference;
}

double errorOf(const at::Tensor& value, const at::Tensor& truth) {
  return ((value.to(at::kDouble) - truth).abs().max() / truth.abs().max()).item<double>();
}

at::Tensor evaluated(Reference& reference, const Plan& plan, at::ScalarType type) {
  const c10::NoGradGuard noGradients;
  for (auto& [name, tensor] : reference.parameters.tensors().byName) {
    tensor = tensor.to(type);
  }
  auto slabs = engine::forward(reference.graph,
                               reference.parameters,
                               plan,
                               reference.input.to(type),
                               engine::Mode::Evaluation);
  EXPECT_TRUE(slabs) << slabs.error().message;
  return at::cat(slabs->scores, 2);
}

void expectTheOriginalsOutput(const fs::path& path) {
  Reference reference = read(path);
  SCOPED_TRACE(reference.network);
  const Plan single = engine::test::planFor(reference.graph, reference.shape, 1, true);
  const Plan slabs = engine::test::planFor(reference.graph, reference.shape, 3, true);
  ASSERT_GT(slabs.devicesUsed(), 1);
  const Plan uneven = engine::test::withBounds(slabs, reference.graph, {0.1, 0.7});
  const at::Tensor inSingle = evaluated(reference, single, at::kFloat);
  ASSERT_EQ(inSingle.sizes(), reference.output.sizes());
  const double fp32 = errorOf(inSingle, reference.output);
  EXPECT_LE(fp32, 1e-4);
  EXPECT_LE(errorOf(evaluated(reference, slabs, at::kFloat), reference.output), 1e-4);
  const double fp64 = errorOf(evaluated(reference, single, at::kDouble), reference.output);
  EXPECT_LE(fp64, 1e-10);
  const double fp64Slabs = errorOf(evaluated(reference, slabs, at::kDouble), reference.output);
  EXPECT_LE(fp64Slabs, 1e-10);
  EXPECT_LE(errorOf(evaluated(reference, uneven, at::kDouble), reference.output), 1e-10);
  std::cout << fmt::format("{:<20} fp32 {:.1e}, fp64 {:.1e}, in 3 slabs {:.1e}\n",
                           path.stem().string(),
                           fp32,
                           fp64,
                           fp64Slabs);
}

std::vector<fs::path> filesIn(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".safetensors") {
      files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

TEST(ReferenceNetworks, StoredOnesAreOfEveryBuilder) {
  std::set<std::string> found;
  for (const fs::path& path : filesIn(kStored)) {
    const std::string network = engine::readTensorFile(path)->metadata.at("network");
    found.insert(network.substr(0, network.find(':')));
  }
  const auto unknown = buildNetwork("none");
  ASSERT_FALSE(unknown);
  for (const std::string& name : found) {
    EXPECT_THAT(unknown.error().message, ::testing::HasSubstr(name));
  }
  const auto names =
      std::count(unknown.error().message.begin(), unknown.error().message.end(), ',') + 1;
  EXPECT_EQ(static_cast<std::ptrdiff_t>(found.size()), names) << unknown.error().message;
}

TEST(ReferenceNetworks, GiveTheOriginalsStoredOutput) {
  for (const fs::path& path : filesIn(kStored)) {
    expectTheOriginalsOutput(path);
  }
}

TEST(ReferenceNetworks, GiveTheOriginalsOutputForOtherWeights) {
  const char* const named = std::getenv("ARGAND_JUDGES");
  const char* const home = std::getenv("HOME");
  const fs::path judges = named != nullptr
                              ? fs::path(named)
                              : fs::path(home != nullptr ? home : "") / ".cache" / "argand-judges";
  const fs::path python = judges / "bin" / "python";
  constexpr int kPackagesMissing = 77;
  const fs::path folder = test::testDir();
  const auto made = test::runIfInstalled(
      python.string(), fmt::format("{} {} --seed 7", ARGAND_REFERENCE_SCRIPT, folder.string()));
  if (!made || made->status == kPackagesMissing) {
    GTEST_SKIP() << python
                 << " with torch, monai and dynamic_network_architectures is absent; the stored "
                    "outputs are the proof.";
  }
  ASSERT_EQ(made->status, 0) << made->output;
  ASSERT_EQ(filesIn(folder).size(), filesIn(kStored).size());
  for (const fs::path& path : filesIn(folder)) {
    expectTheOriginalsOutput(path);
  }
}

// The executor computes what the differentiable forward does.
TEST(ReferenceNetworks, GiveTheOriginalsOutputInTheExecutor) {
  for (const fs::path& path : filesIn(kStored)) {
    SCOPED_TRACE(path.stem().string());
    const Reference reference = read(path);
    const at::Tensor input = reference.input.contiguous();
    for (const int devices : {1, 3}) {
      for (const auto& [dtype, limit] :
           {std::pair{engine::DType::Float32, 1e-4}, std::pair{engine::DType::Float64, 1e-10}}) {
        const std::vector<double> scores =
            engine::test::runPlan(
                reference.graph,
                reference.parameters,
                engine::test::planFor(reference.graph, reference.shape, devices, false, dtype),
                {input.const_data_ptr<float>(), static_cast<std::size_t>(input.numel())})
                .scores;
        const at::Tensor truth = reference.output[0].permute({1, 2, 3, 0}).contiguous();
        const at::Tensor found =
            at::tensor(at::ArrayRef<double>(scores), at::kDouble).view(truth.sizes());
        EXPECT_LE(errorOf(found, truth), limit) << devices;
      }
    }
  }
}

}  // namespace
}  // namespace argand::models
