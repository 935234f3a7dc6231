// SPDX-License-Identifier: Apache-2.0
// Memory of large tensors that is kept while a training lives.
#include "../src/training/kept_memory.hpp"

#include <c10/core/CPUAllocator.h>
#include <torch/types.h>

#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>

#include <optional>
#include <thread>
#include <vector>

#include "support/catch.hpp"

using assay::detail::KeptMemory;

namespace {

constexpr std::int64_t large = 1 << 18;  // floats: 1 MiB

const void* address_of_new(std::int64_t numbers) { return at::empty({numbers}).const_data_ptr(); }

}  // namespace

TEST_CASE("a large tensor gets the memory of one of its size that was let go of", "[training]") {
  const KeptMemory memory;
  const void* const first = address_of_new(large);
  CHECK(address_of_new(large) == first);
  const torch::Tensor holds_it = at::empty({large});
  CHECK(holds_it.const_data_ptr() == first);
  const torch::Tensor another = at::empty({large});
  CHECK(another.const_data_ptr() != first);
  CHECK(address_of_new(large + 1024) != first);
}

TEST_CASE("tensors outlive the scope they were made in, and the allocator is the program's again", "[training]") {
  c10::Allocator* const before = c10::GetCPUAllocator();
  torch::Tensor made_before = at::full({large}, 3.0);
  std::optional<KeptMemory> outer(std::in_place), inner(std::in_place);
  torch::Tensor survivor = at::arange(large);
  outer.reset();
  CHECK(c10::GetCPUAllocator() != before);
  made_before.reset();
  address_of_new(large);
  inner.reset();
  CHECK(c10::GetCPUAllocator() == before);
  CHECK(torch::equal(survivor, at::arange(large)));
  survivor.reset();
  CHECK(at::full({large}, 2.0).sum().item<double>() == 2.0 * large);
}

TEST_CASE("threads make and let go of tensors while scopes come and go", "[training][threads]") {
  std::vector<std::thread> threads;
  std::vector<int> wrong(4, 0);
  for (std::size_t t = 0; t < wrong.size(); ++t) {
    threads.emplace_back([&wrong, t] {
      for (int i = 0; i < 200; ++i) {
        std::optional<KeptMemory> memory;
        if (t % 2 == 0) memory.emplace();
        const torch::Tensor a = at::full({large / 8}, static_cast<double>(t)), b = a + i;
        memory.reset();
        if (b[large / 8 - 1].item<double>() != static_cast<double>(t) + i) ++wrong[t];
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == std::vector<int>(4, 0));
}
