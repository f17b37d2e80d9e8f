// SPDX-License-Identifier: Apache-2.0
#include "core/train/process_group.h"

#include "core/engine/plan/planner.h"
#include "core/engine/run/parameters_torch.h"
#include "core/engine/training/training_step.h"
#include "tests/core/engine/training/fake_cuda.h"
#include "tests/core/engine/training/training_support.h"
#include "tests/core/train/processes.h"
#include "tests/support/test_data.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>
#include <gmock/gmock.h>

#include <cstdlib>
#include <fstream>
#include <map>

namespace argand::train {

namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

const engine::DeviceSpec kProcessor{"cpu", engine::DeviceKind::Cpu, 0, std::int64_t{1} << 30, 1};

Environment environmentOf(std::map<std::string, std::string> variables) {
  return [variables = std::move(variables)](const char* name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  };
}

Rank rankOf(const std::map<std::string, std::string>& variables) {
  const auto rank = rankFromEnvironment(environmentOf(variables));
  EXPECT_TRUE(rank && *rank) << (rank ? "no rank" : rank.error().message);
  return rank && *rank ? **rank : Rank{};
}

std::string refusalOf(const std::map<std::string, std::string>& variables) {
  const auto rank = rankFromEnvironment(environmentOf(variables));
  return rank ? std::string() : rank.error().message;
}

TEST(RankFromEnvironment, KnowsTheLaunchers) {
  const Rank torchrun = rankOf({{"RANK", "3"},
                                {"WORLD_SIZE", "4"},
                                {"LOCAL_RANK", "1"},
                                {"MASTER_ADDR", "node7"},
                                {"MASTER_PORT", "1234"}});
  EXPECT_EQ(torchrun.rank, 3);
  EXPECT_EQ(torchrun.size, 4);
  EXPECT_EQ(torchrun.local, 1);
  EXPECT_EQ(torchrun.masterAddress, "node7");
  EXPECT_EQ(torchrun.masterPort, 1234);

  const Rank mpirun = rankOf({{"OMPI_COMM_WORLD_RANK", "1"},
                              {"OMPI_COMM_WORLD_SIZE", "2"},
                              {"OMPI_COMM_WORLD_LOCAL_RANK", "1"},
                              {"OMPI_COMM_WORLD_LOCAL_SIZE", "2"}});
  EXPECT_EQ(mpirun.rank, 1);
  EXPECT_EQ(mpirun.masterAddress, "127.0.0.1");

  const std::map<std::string, std::string> slurm{{"SLURM_PROCID", "0"},
                                                 {"SLURM_NTASKS", "8"},
                                                 {"SLURM_LOCALID", "0"},
                                                 {"SLURM_STEP_ID", "0"},
                                                 {"SLURM_JOB_ID", "123456"},
                                                 {"SLURM_LAUNCH_NODE_IPADDR", "10.0.0.5"}};
  const Rank srun = rankOf(slurm);
  EXPECT_EQ(srun.size, 8);
  EXPECT_EQ(srun.masterAddress, "10.0.0.5");
  EXPECT_EQ(srun.masterPort, 23456);
  auto moved = slurm;
  moved["MASTER_ADDR"] = "10.0.0.9";
  EXPECT_EQ(rankOf(moved).masterAddress, "10.0.0.9");
}

TEST(RankFromEnvironment, ThereIsNoneForAProcessByItself) {
  const std::map<std::string, std::string> alone[] = {
      {},
      {{"RANK", "0"}, {"WORLD_SIZE", "1"}},
      {{"SLURM_PROCID", "0"}, {"SLURM_NTASKS", "8"}}};  // a batch script, not a task of srun
  for (const auto& variables : alone) {
    const auto rank = rankFromEnvironment(environmentOf(variables));
    ASSERT_TRUE(rank) << rank.error().message;
    EXPECT_FALSE(rank->has_value());
  }
}

TEST(RankFromEnvironment, RefusesWhatIsMissingOrWrong) {
  EXPECT_THAT(refusalOf({{"RANK", "0"}, {"WORLD_SIZE", "2"}}), HasSubstr("MASTER_ADDR"));
  EXPECT_THAT(refusalOf({{"RANK", "2"}, {"WORLD_SIZE", "2"}}), HasSubstr("below the number"));
  EXPECT_THAT(refusalOf({{"RANK", "first"}, {"WORLD_SIZE", "2"}}), HasSubstr("'first'"));
  EXPECT_THAT(refusalOf({{"OMPI_COMM_WORLD_RANK", "0"},
                         {"OMPI_COMM_WORLD_SIZE", "4"},
                         {"OMPI_COMM_WORLD_LOCAL_SIZE", "2"}}),
              HasSubstr("MASTER_ADDR"));
}

TEST(ShareOf, GivesEverythingOnceAndEvenly) {
  for (std::size_t count = 0; count < 20; ++count) {
    for (int size = 1; size < 8; ++size) {
      std::size_t next = 0;
      for (int rank = 0; rank < size; ++rank) {
        const Share share = shareOf(count, rank, size);
        EXPECT_EQ(share.begin, next);
        EXPECT_LE(share.end - share.begin, count / static_cast<std::size_t>(size) + 1);
        next = share.end;
      }
      EXPECT_EQ(next, count);
    }
  }
}

// Three steps down the gradient of a batch of five, of which this process has a
// share. No AdamW: it makes steps of the rounding in gradients that are zero.
at::Tensor trainedWeights(ProcessGroup* group) {
  const engine::Graph graph = engine::test::nnunet();
  const engine::Shape shape{1, 1, {12, 8, 8}};
  engine::PlanRequest request;
  request.input = shape;
  request.devices = {{"cpu:0", engine::DeviceKind::Cpu, 0, std::int64_t{1} << 32, 1}};
  request.training = true;
  const engine::Plan plan = engine::makePlan(graph, request).value();
  engine::Parameters parameters = engine::test::doubleParameters(graph);
  const at::Tensor batch = engine::test::doubleNoise({5, 1, shape.size});
  const Share own = group == nullptr ? Share{0, 5} : shareOf(5, group->rank(), group->size());
  at::set_num_threads(1);
  for (int step = 0; step < 3; ++step) {
    std::vector<engine::MicroBatch> parts;
    for (std::size_t n = own.begin; n < own.end; ++n) {
      parts.push_back(
          {batch.narrow(0, static_cast<std::int64_t>(n), 1), &plan, static_cast<std::int64_t>(n)});
    }
    const auto done = engine::trainingStep(
        graph,
        parameters,
        parts,
        [&](const engine::SlabScores& scores, std::size_t n) -> Result<at::Tensor> {
          const double sample = static_cast<double>(own.begin + n);
          return (at::softmax(scores.scores[0], 1) *
                  at::sin(at::arange(scores.scores[0].numel(), at::kDouble) + sample)
                      .view(scores.scores[0].sizes()))
                     .sum() /
                 5.0;
        });
    EXPECT_TRUE(done) << done.error().message;
    const c10::NoGradGuard noGradients;
    for (const std::string& name : parameters.tensors().trainable) {
      at::Tensor& weight = parameters.tensors().byName[name];
      at::Tensor gradient = weight.grad().contiguous();
      if (group != nullptr) {
        EXPECT_TRUE(group->sum(gradient));
      }
      weight.add_(gradient, -0.01);
      weight.mutable_grad().reset();
    }
  }
  std::vector<at::Tensor> flat;
  for (const auto& [name, tensor] : parameters.tensors().byName) {
    flat.push_back(tensor.detach().flatten());
  }
  return at::cat(flat);
}

// Runs as a process of its own, started by the tests below.
TEST(ProcessGroupRank, DISABLED_Trains) {
  const auto rank = rankFromEnvironment(processEnvironment());
  ASSERT_TRUE(rank && *rank);
  auto group = ProcessGroup::join(**rank, kProcessor, 60);
  ASSERT_TRUE(group) << group.error().message;
  const at::Tensor weights = trainedWeights(&*group);
  std::ofstream file(fs::path(std::getenv("ARGAND_TEST_RANK_OUT")) / std::to_string(group->rank()),
                     std::ios::binary);
  file.write(static_cast<const char*>(weights.const_data_ptr()),
             static_cast<std::streamsize>(weights.nbytes()));
}

TEST(ProcessGroup, TwoProcessesEndWithTheWeightsOfOne) {
  const fs::path folder = test::testDir();
  for (const pid_t process : test::startRanks(
           "ProcessGroupRank.DISABLED_Trains", 2, {"ARGAND_TEST_RANK_OUT=" + folder.string()})) {
    EXPECT_EQ(test::statusOf(process), 0);
  }
  const at::Tensor truth = trainedWeights(nullptr);
  for (const char* rank : {"0", "1"}) {
    at::Tensor found = at::zeros_like(truth);
    std::ifstream file(folder / rank, std::ios::binary);
    file.read(static_cast<char*>(found.mutable_data_ptr()),
              static_cast<std::streamsize>(found.nbytes()));
    ASSERT_TRUE(file);
    EXPECT_LE((found - truth).abs().max().item<double>(), 1e-10 * truth.abs().max().item<double>());
  }
}

// The second one fails, then ends in the middle of a step.
TEST(ProcessGroupRank, DISABLED_Fails) {
  const auto rank = rankFromEnvironment(processEnvironment());
  ASSERT_TRUE(rank && *rank);
  auto group = ProcessGroup::join(**rank, kProcessor, 60);
  ASSERT_TRUE(group) << group.error().message;
  ASSERT_TRUE(group->agree({}));
  const bool second = group->rank() == 1;
  const auto agreed = group->agree(
      second ? Result<void>(fail(ErrorCode::InputRefused, "on purpose")) : Result<void>());
  ASSERT_FALSE(agreed);
  EXPECT_THAT(agreed.error().message,
              HasSubstr(second ? "on purpose" : "Process 1 of 2 has failed"));
  if (second) {
    std::_Exit(7);
  }
  at::Tensor values = at::ones({4}, at::kDouble);
  Result<void> lost;
  for (int n = 0; n < 100 && lost; ++n) {
    lost = group->sum(values);
  }
  ASSERT_FALSE(lost);
  EXPECT_THAT(lost.error().message, HasSubstr("Process 0 of 2 has lost the others"));
}

TEST(ProcessGroup, AFailureOfOneEndsAllWithASentence) {
  const auto processes = test::startRanks("ProcessGroupRank.DISABLED_Fails", 2, {});
  EXPECT_EQ(test::statusOf(processes[0]), 0);
  EXPECT_EQ(test::statusOf(processes[1]), 7);
}

TEST(ProcessGroup, SaysSoWhereNobodyElseComes) {
  const auto group = ProcessGroup::join({0, 2, 0, "127.0.0.1", test::freePort()}, kProcessor, 1);
  ASSERT_FALSE(group);
  EXPECT_THAT(group.error().message, HasSubstr("could not join the others at 127.0.0.1"));
  EXPECT_THAT(group.error().message, HasSubstr("over Gloo within 1 s"));
}

// Stands for NCCL: two processes with the same values, or one that is left alone.
struct FakeGroup final : engine::GroupSum {
  explicit FakeGroup(std::string name) : device(std::move(name)) {}

  void sum(at::Tensor& values) override {
    if (device == "cuda:1") {
      throw std::runtime_error("the other end has gone");
    }
    values.mul_(2.0);
  }

  std::string device;
};

engine::CudaFactory fakeNccl() {
  engine::CudaFactory factory = engine::test::fakeCuda<c10::DeviceType::CPU>();
  factory.group =
      [](const engine::GroupRequest& request) -> Result<std::unique_ptr<engine::GroupSum>> {
    if (request.device.index > 1) {
      return fail(ErrorCode::NoPlan, "NCCL has no such device.");
    }
    return std::make_unique<FakeGroup>(request.device.name);
  };
  return factory;
}

TEST(ProcessGroup, IsOfNcclWhereTrainingIsOnCudaDevices) {
  engine::setCudaFactory(fakeNccl());
  const auto joined = [](int index) {
    const engine::DeviceSpec gpu{
        fmt::format("cuda:{}", index), engine::DeviceKind::Cuda, index, std::int64_t{1} << 30, 1};
    return ProcessGroup::join({0, 1, 0, "127.0.0.1", test::freePort()}, gpu, 5);
  };
  auto group = joined(0);
  ASSERT_TRUE(group) << group.error().message;
  at::Tensor values = at::ones({3}, at::kDouble);
  ASSERT_TRUE(group->sum(values));
  EXPECT_EQ(values.sum().item<double>(), 6.0);
  auto lost = joined(1);
  ASSERT_TRUE(lost) << lost.error().message;
  const auto sum = lost->sum(values);
  ASSERT_FALSE(sum);
  EXPECT_THAT(sum.error().message, HasSubstr("has lost the others"));
  const auto refused = joined(2);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("over NCCL within 5 s"));
}

TEST(DevicesOfProcess, AreOneGpuEachAndAllProcessors) {
  const engine::CudaPlugin fake{"libc.so.6", ARGAND_FAKE_PLUGIN};
  const auto named = [&](const char* names) {
    return engine::parseDevices(names, "3GiB", 2, fake).value();
  };
  const auto of = [&](const char* names, int local) {
    return devicesOfProcess(named(names), {local, 4, local, "127.0.0.1", 1}, fake);
  };
  EXPECT_EQ(of("cpu:0,cpu:1", 3).value(), named("cpu:0,cpu:1"));
  const auto second = of("cuda", 1);
  ASSERT_TRUE(second) << second.error().message;
  ASSERT_EQ(second->size(), 1U);
  EXPECT_EQ(second->front().name, "cuda:1");
  EXPECT_EQ(second->front().index, 1);
  EXPECT_EQ(second->front().budgetBytes, std::int64_t{3} << 30);
  EXPECT_EQ(of("cuda:1,cuda:0", 0)->front().name, "cuda:1");
  EXPECT_EQ(of("cuda:1,cuda:0", 1)->front().name, "cuda:0");
  EXPECT_THAT(of("cuda:1,cuda:0", 2).error().message,
              HasSubstr("process 2 of this machine has none"));
  EXPECT_THAT(of("cuda:0", 3).error().message, HasSubstr("has 3 CUDA devices"));
}

}  // namespace

}  // namespace argand::train
