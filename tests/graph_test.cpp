// SPDX-License-Identifier: Apache-2.0
// Recorded training, with recordings that keep the work and do it again: what CUDA graphs do, without a device.
#include "support/device.hpp"
#include "support/toy.hpp"

#include <assay/detail/graph_backend.hpp>
#include <assay/error.hpp>
#include <assay/learner/module_learner.hpp>
#include <assay/training/adam.hpp>
#include <assay/training/sgd.hpp>
#include <assay/training/torch_optimizer.hpp>

#include <ATen/autocast_mode.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/dropout.h>
#include <torch/nn/modules/linear.h>

#include "support/catch.hpp"
#include "support/tensors.hpp"

using namespace assay;

namespace {

class KeptWork final : public assay::detail::RecordedWork {
 public:
  explicit KeptWork(std::function<void()> work) : work_(std::move(work)) {}
  void launch() override { work_(); }

 private:
  std::function<void()> work_;
};

struct KeptGraphs final : assay::detail::GraphBackend {
  int recorded = 0;
  bool refuses = false;

  std::unique_ptr<assay::detail::StreamScope> own_stream(c10::Device) override {
    return std::make_unique<assay::detail::StreamScope>();
  }
  std::unique_ptr<assay::detail::RecordedWork> record(const std::function<void()>& work) override {
    TORCH_CHECK(!refuses, "operation not permitted when stream is capturing");
    ++recorded;
    return std::make_unique<KeptWork>(work);
  }
};

/// Lets the CPU record while it lives.
struct WithKeptGraphs {
  std::shared_ptr<KeptGraphs> graphs = std::make_shared<KeptGraphs>();
  WithKeptGraphs() { assay::detail::set_graph_support(c10::DeviceType::CPU, {graphs, ""}); }
  WithKeptGraphs(const WithKeptGraphs&) = delete;
  WithKeptGraphs& operator=(const WithKeptGraphs&) = delete;
  ~WithKeptGraphs() { assay::detail::set_graph_support(c10::DeviceType::CPU, {nullptr, "a test is over"}); }
};

DefaultTrainingLoopOptions clipped_and_scheduled() {
  return {.epochs = 7,
          .fine_tuning_epochs = 5,
          .batch_size = 8,
          .scheduler = CosineSchedule({.final_factor = 0.1}),
          .gradient_clip = 1.0,
          .threads = 1};
}

/// Rounds of a campaign: every one has more labeled samples.
struct Rounds {
  DefaultTrainingLoop loop;
  TensorPool labeled{toy::labeled(90)}, validation{toy::labeled(30, 400)};
  std::int64_t round = 0;
  TrainingReport report;

  explicit Rounds(DefaultTrainingLoopOptions options) : loop(std::move(options)) {}

  template <class Learner>
  void train(Learner& learner, std::int64_t more = 0) {
    std::vector<SampleId> ids;
    for (std::int64_t i = 0; i < more; ++i) ids.push_back(labeled.size() + i);
    if (more > 0) labeled.append(toy::labeled(more, 1000 * round + 500), ids);
    ++round;
    TrainingContext context{.labeled = labeled,
                            .validation = validation,
                            .round = round,
                            .fine_tuning = round > 1,
                            .random = RandomKey(3).with(round)};
    report = loop.train(LearnerRef(learner), context);
  }
};

/// The parameters after three rounds.
template <class Learner>
std::vector<torch::Tensor> parameters_after_rounds(Learner learner, const DefaultTrainingLoopOptions& options,
                                                   TrainingReport* report = nullptr) {
  Rounds rounds(options);
  for (const std::int64_t more : {0, 16, 5}) rounds.train(learner, more);
  if (report) *report = rounds.report;
  return copies(learner.parameters());
}

ModuleLearner module_learner(AnyModule::Loss loss = mse_loss) {
  torch::nn::Sequential net(torch::nn::Linear(2, 16), torch::nn::Tanh(), torch::nn::Dropout(0.1),
                            torch::nn::Linear(16, 1));
  return ModuleLearner(std::move(net), {.inputs = {"a", "b"}, .targets = {"y"}}, std::move(loss));
}

template <class Learner>
void check_same(const Learner& learner, const DefaultTrainingLoopOptions& options) {
  const std::vector<torch::Tensor> eager = parameters_after_rounds(learner, options);
  const WithKeptGraphs recording;
  TrainingReport report;
  const std::vector<torch::Tensor> replayed = parameters_after_rounds(learner, options, &report);
  CHECK(same(eager, replayed));
  CHECK(report.not_recorded.empty());
  CHECK(report.replayed >= report.batches / 2);
}

/// What speaks against recording a module with this loss, and whether it trains as without.
std::string obstacle_of(const std::function<AnyModule::Loss()>& make_loss) {
  const std::vector<torch::Tensor> eager = parameters_after_rounds(module_learner(make_loss()),
                                                                   clipped_and_scheduled());
  const WithKeptGraphs recording;
  TrainingReport report;
  CHECK(same(eager, parameters_after_rounds(module_learner(make_loss()), clipped_and_scheduled(), &report)));
  CHECK(report.replayed == 0);
  return report.not_recorded;
}

}  // namespace

TEST_CASE("recorded steps train to the same bits as steps that are not recorded", "[training]") {
  SECTION("a network with gradients of its own") { check_same(toy::mlp(), clipped_and_scheduled()); }
  SECTION("an ensemble with a bootstrap") { check_same(toy::ensemble(), clipped_and_scheduled()); }
  SECTION("a module with dropout, by autograd") { check_same(module_learner(), clipped_and_scheduled()); }
  SECTION("without a smaller last batch") {
    DefaultTrainingLoopOptions all = clipped_and_scheduled();
    all.batch_size = 1000;
    check_same(toy::mlp(), all);
  }
  SECTION("other optimizers, moments kept from round to round") {
    for (const AnyOptimizer& optimizer :
         {AnyOptimizer(Adam({.lr = 0.01})), AnyOptimizer(Sgd({.lr = 0.01, .momentum = 0.9}))}) {
      DefaultTrainingLoopOptions other = clipped_and_scheduled();
      other.optimizer = optimizer;
      other.reset_optimizer_states = false;
      check_same(toy::mlp(), other);
    }
  }
  SECTION("starting from new weights in every round") {
    DefaultTrainingLoopOptions anew = clipped_and_scheduled();
    anew.warm_start = WarmStart::reset;
    check_same(toy::mlp(), anew);
  }
  SECTION("a held-out part of the labeled pool, early stopping") {
    DefaultTrainingLoopOptions stopping = clipped_and_scheduled();
    stopping.epochs = 60;
    stopping.early_stopping = EarlyStoppingOptions{.patience = 3};
    check_same(toy::mlp(), stopping);
  }
}

TEST_CASE("one recording serves all rounds while the pool grows", "[training]") {
  const WithKeptGraphs recording;
  Rounds rounds(clipped_and_scheduled());
  Mlp learner = toy::mlp();
  rounds.train(learner);
  const int first = recording.graphs->recorded;
  CHECK(first > 0);
  for (int i = 0; i < 5; ++i) {
    rounds.train(learner, 8);  // as many whole batches more: the last one keeps its size
    CHECK(rounds.report.replayed > rounds.report.batches * 9 / 10);
  }
  CHECK(recording.graphs->recorded == first);
  rounds.train(learner, 3);
  CHECK(recording.graphs->recorded == first + 1);  // a last batch of another size
}

TEST_CASE("a learner whose memory moved is recorded anew", "[training]") {
  const auto train = [](bool between) {
    Rounds rounds(clipped_and_scheduled());
    Mlp learner = toy::mlp();
    rounds.train(learner);
    if (between) {  // more rows than ever before: working memory of another size
      const TensorPool many(toy::labeled(600, 5000));
      learner.loss_and_gradients(learner.pack(many.all(), many.ids()));
    }
    rounds.train(learner, 8);
    std::vector<torch::Tensor> copies;
    for (const torch::Tensor& parameter : learner.parameters()) copies.push_back(parameter.detach().clone());
    return copies;
  };
  const std::vector<torch::Tensor> eager = train(false);
  const WithKeptGraphs recording;
  CHECK(same(eager, train(false)));
  const int usual = recording.graphs->recorded;
  CHECK(same(eager, train(true)));
  CHECK(recording.graphs->recorded > 2 * usual);
}

TEST_CASE("a training that cannot be recorded runs as without, and says why", "[training]") {
  CHECK_THAT(obstacle_of([] {
               return [](const auto& output, const auto& target, const auto& weights) {
                 const torch::Tensor loss = mse_loss(output, target, weights);
                 return loss.template item<double>() > 1e9 ? loss * 2 : loss;
               };
             }),
             Contains("aten::item reads a number from the device"));
  CHECK_THAT(obstacle_of([] {
               return [](const auto& output, const auto& target, const auto&) {
                 return (output - target).masked_select(target > -1e9).square().mean();
               };
             }),
             Contains("aten::masked_select gives a tensor whose size depends on the data"));
  CHECK_THAT(obstacle_of([] {
               return [calls = std::make_shared<int>()](const auto& output, const auto& target, const auto&) {
                 return ((output - target) * (1 + 1.0 / ++*calls)).square().mean();
               };
             }),
             Contains("the step changes each time: operator") && Contains("aten::mul"));
  const WithKeptGraphs recording;
  DefaultTrainingLoopOptions torch_optimizer = clipped_and_scheduled();
  torch_optimizer.optimizer = TorchOptimizer<torch::optim::RMSprop>(torch::optim::RMSpropOptions(1e-3));
  TrainingReport report;
  parameters_after_rounds(toy::mlp(), torch_optimizer, &report);
  CHECK_THAT(report.not_recorded, Contains("the optimizer takes its learning rate on the host"));
}

TEST_CASE("recording can be required, or left out", "[training]") {
  DefaultTrainingLoopOptions required = clipped_and_scheduled();
  required.graph_capture = GraphCapture::required;
  CHECK_THROWS_WITH(parameters_after_rounds(toy::mlp(), required),
                    Contains("assay.training.graph"));  // this machine's CPU records nothing
  const WithKeptGraphs recording;
  CHECK_NOTHROW(parameters_after_rounds(toy::mlp(), required));
  CHECK_THROWS_WITH(
      parameters_after_rounds(module_learner([](const auto& output, const auto& target, const auto& weights) {
                                const torch::Tensor loss = mse_loss(output, target, weights);
                                return loss / std::max(1.0, loss.template item<double>());
                              }),
                              required),
      Contains("assay.training.graph") && Contains("reads a number"));
  DefaultTrainingLoopOptions off = clipped_and_scheduled();
  off.graph_capture = GraphCapture::off;
  const int before = recording.graphs->recorded;
  parameters_after_rounds(toy::mlp(), off);
  CHECK(recording.graphs->recorded == before);
}

TEST_CASE("a device that refuses a recording is not asked again", "[training]") {
  const std::vector<torch::Tensor> eager = parameters_after_rounds(toy::mlp(), clipped_and_scheduled());
  const WithKeptGraphs recording;
  recording.graphs->refuses = true;
  TrainingReport report;
  CHECK(same(eager, parameters_after_rounds(toy::mlp(), clipped_and_scheduled(), &report)));
  CHECK(assay::detail::graph_support(c10::DeviceType::CPU).backend == nullptr);
  CHECK_THAT(assay::detail::graph_support(c10::DeviceType::CPU).why_not,
             Contains("could not be recorded") && Contains("not permitted"));
}

TEST_CASE("a recorded training that is stopped goes on in another loop to the same bits", "[training]") {
  const WithKeptGraphs recording;
  const auto context = [](const Rounds& rounds) {
    return TrainingContext{
        .labeled = rounds.labeled, .validation = rounds.validation, .round = 1, .random = RandomKey(3)};
  };
  Rounds whole(clipped_and_scheduled()), first(clipped_and_scheduled()), second(clipped_and_scheduled());
  Mlp undisturbed = toy::mlp(), stopped = toy::mlp(), resumed = toy::mlp();
  TrainingContext all = context(whole);
  whole.loop.train(LearnerRef(undisturbed), all);

  TrainingContext until_fourth = context(first);
  int epochs = 0;
  until_fourth.stop_requested = [&] { return ++epochs == 4; };
  first.loop.train(LearnerRef(stopped), until_fourth);
  resumed.load(stopped.save());
  second.loop.load(first.loop.save());
  TrainingContext rest = context(second);
  second.loop.train(LearnerRef(resumed), rest);
  CHECK(same(undisturbed.parameters(), resumed.parameters()));
}

TEST_CASE("blocks of predictions come out of a recording, with the parameters of the day", "[training]") {
  Mlp plain = toy::mlp(), recorded = toy::mlp();
  Rounds first(clipped_and_scheduled()), second(clipped_and_scheduled());
  const Values block = toy::labeled(64, 900), rest = toy::labeled(10, 990);
  for (int round = 0; round < 3; ++round) {
    first.train(plain, 4);
    const torch::Tensor wanted = plain.predict(block)["y"], wanted_rest = plain.predict(rest)["y"];
    const WithKeptGraphs recording;
    second.train(recorded, 4);
    const int before = recording.graphs->recorded;
    for (int i = 0; i < 5; ++i) {
      CHECK(torch::equal(wanted, recorded.predict(block)["y"]));
      CHECK(torch::equal(wanted_rest, recorded.predict(rest)["y"]));
    }
    INFO("round " << round);
    CHECK(recording.graphs->recorded == before + (round == 0 ? 1 : 0));
  }
}

TEST_CASE("products in bfloat16 train nearly as float32, and leave the program's precision as it was", "[training]") {
  DefaultTrainingLoopOptions bf16 = clipped_and_scheduled();
  bf16.mixed_precision = MixedPrecision::bf16;
  bf16.tf32 = true;
  TrainingReport full, half;
  const std::vector<torch::Tensor> exact = parameters_after_rounds(toy::mlp(), clipped_and_scheduled(), &full);
  const std::vector<torch::Tensor> rough = parameters_after_rounds(toy::mlp(), bf16, &half);
  CHECK_FALSE(same(exact, rough));
  CHECK(half.validation_loss == Approx(full.validation_loss).epsilon(0.05));
  CHECK_FALSE(at::autocast::is_autocast_enabled(at::kCPU));
  CHECK(at::autocast::is_autocast_cache_enabled());
  CHECK_FALSE(at::globalContext().allowTF32CuBLAS());

  bf16.dtype = "float64";
  CHECK_THROWS_WITH(DefaultTrainingLoop(bf16), Contains("/mixed_precision"));
}

TEST_CASE("recorded steps with samples too large to be gathered eight batches at a time train to the same bits",
          "[training]") {
  const auto train = [](TrainingReport& report) {
    const torch::Tensor x = (at::arange(72 * 40000, torch::kFloat32) * 0.7).sin().view({72, 40000});
    const TensorPool labeled(Values{{"x", x}, {"y", x.mean(1)}}), none;
    Mlp learner({.inputs = {"x"}, .targets = {"y"}, .hidden = {2}});
    DefaultTrainingLoopOptions given = clipped_and_scheduled();
    given.epochs = 4;
    TrainingContext context{.labeled = labeled, .validation = none, .round = 1, .random = RandomKey(3)};
    report = DefaultTrainingLoop(given).train(LearnerRef(learner), context);
    return learner.parameters().front().detach().clone();
  };
  TrainingReport eager, replayed;
  const torch::Tensor expected = train(eager);
  const WithKeptGraphs recording;
  CHECK(torch::equal(train(replayed), expected));
  CHECK(replayed.replayed >= 16);
}

TEST_CASE("a thousand steps out of CUDA graphs give the parameters of steps that are not recorded",
          "[training][cuda]") {
  if (no_cuda_device()) return;
  at::globalContext().setDeterministicAlgorithms(true, /*warn_only=*/false);
  DefaultTrainingLoopOptions eager = clipped_and_scheduled();
  eager.device = "cuda";
  eager.epochs = 60;
  eager.fine_tuning_epochs = 30;
  eager.early_stopping = std::nullopt;
  DefaultTrainingLoopOptions recorded = eager;
  eager.graph_capture = GraphCapture::off;
  recorded.graph_capture = GraphCapture::required;
  TrainingReport report;
  CHECK(same(parameters_after_rounds(toy::mlp(), eager), parameters_after_rounds(toy::mlp(), recorded, &report)));
  CHECK(report.replayed > report.batches * 9 / 10);
  CHECK(same(parameters_after_rounds(toy::ensemble(), eager), parameters_after_rounds(toy::ensemble(), recorded)));
  CHECK(same(parameters_after_rounds(module_learner(), eager), parameters_after_rounds(module_learner(), recorded)));
  at::globalContext().setDeterministicAlgorithms(false, false);
}
