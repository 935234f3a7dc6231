// SPDX-License-Identifier: Apache-2.0
#include "support/catch.hpp"
#include "support/toy.hpp"

#include <assay/data/csv.hpp>
#include <assay/data/npy.hpp>
#include <assay/data/range_pool.hpp>
#include <assay/data/safetensors.hpp>
#include <assay/data/tensor_pool.hpp>
#include <assay/detail/files.hpp>
#include <assay/error.hpp>

#include <cmath>
#include <cstring>
#include <limits>

#include <cstdlib>

using namespace assay;

TEST_CASE("values name what is there when a name is missing", "[data]") {
  const Values values{{"x", 1.0}, {"y", std::vector<double>{1, 2}}};
  CHECK(values.scalar("x") == 1.0);
  CHECK(values.numbers("y") == std::vector<double>{1, 2});
  CHECK_THROWS_WITH(values.at("z"), Contains("'z'") && Contains("'x', 'y'"));
  CHECK_THROWS_AS(values.scalar("y"), ShapeError);
  CHECK_THROWS_AS((Values{{"x", 1.0}, {"x", 2.0}}), DataError);
}

TEST_CASE("a number that is not finite is named with its place", "[data]") {
  const Values values{{"y", std::vector<double>{1, std::numeric_limits<double>::quiet_NaN()}}};
  CHECK_FALSE(all_finite(values));
  CHECK_THROWS_WITH(require_finite(values, "sample 3"), Contains("sample 3") && Contains("element 1 of 'y'"));
}

TEST_CASE("fingerprints differ with name, dtype, shape and bytes", "[data]") {
  const torch::Tensor t = torch::tensor({1.0, 2.0}, torch::kFloat64);
  const std::string base = fingerprint(Values{{"x", t}});
  CHECK(base == fingerprint(Values{{"x", t.clone()}}));
  CHECK(base != fingerprint(Values{{"y", t}}));
  CHECK(base != fingerprint(Values{{"x", t.to(torch::kFloat32)}}));
  CHECK(base != fingerprint(Values{{"x", t.reshape({2, 1})}}));
  CHECK(base != fingerprint(Values{{"x", t + 1}}));
}

TEST_CASE("a pool grows without losing samples and keeps to its memory", "[data]") {
  TensorPool pool(Values{{"x", torch::arange(4, torch::kFloat64)}});
  for (int i = 4; i < 100; ++i) {
    const Sample sample{i, Values{{"x", static_cast<double>(i)}}};
    pool.append({&sample, 1});
    const auto held = static_cast<double>(pool.column("x").storage().nbytes());
    CHECK(held <= 1.5 * 8 * static_cast<double>(pool.size()) + 8);
  }
  CHECK(torch::equal(pool.column("x"), torch::arange(100, torch::kFloat64)));
  CHECK(pool.ids().back() == 99);
  const Sample wrong{100, Values{{"x", torch::zeros({2}, torch::kFloat64)}}};
  CHECK_THROWS_WITH(pool.append({&wrong, 1}), Contains("Double []") && Contains("Double [2]"));
  CHECK(pool.size() == 100);
  CHECK_THROWS_AS(pool.gather(std::vector<std::int64_t>{100}), DataError);
}

TEST_CASE("any container of samples is a pool", "[data]") {
  const std::vector<Values> samples{Values{{"x", 1.0}}, Values{{"x", 2.0}}};
  const AnyPool pool = RangePool(samples);
  CHECK(pool.size() == 2);
  CHECK(pool.gather(std::vector<std::int64_t>{1, 0}).numbers("x") == std::vector<double>{2, 1});
}

TEST_CASE("safetensors hold every dtype losslessly", "[data]") {
  Values values{{"empty", torch::empty({0, 3}, torch::kFloat32)}, {"number", 0.1}};
  for (const auto dtype : {torch::kFloat32, torch::kFloat16, torch::kBFloat16, torch::kInt64, torch::kInt32,
                           torch::kInt16, torch::kInt8, torch::kUInt8, torch::kBool}) {
    values.set(c10::toString(dtype), torch::arange(6).reshape({2, 3}).to(dtype));
  }
  const std::string bytes = to_safetensors(values, {{"note", "text"}});
  const Values back = from_safetensors(std::as_bytes(std::span(bytes)), "memory");
  REQUIRE(back.size() == values.size());
  for (const auto& [name, tensor] : values) {
    CHECK(back.at(name).scalar_type() == tensor.scalar_type());
    CHECK(torch::equal(back.at(name), tensor));
  }
}

TEST_CASE("a damaged or hostile safetensors file ends in an error", "[data]") {
  const std::string good = to_safetensors(Values{{"x", torch::arange(8, torch::kFloat64)}});
  const auto read = [](const std::string& bytes) {
    return from_safetensors(std::as_bytes(std::span(bytes)), "memory");
  };
  for (std::size_t length = 0; length < good.size(); ++length)
    CHECK_THROWS_AS(read(good.substr(0, length)), CheckpointError);
  const auto with_header = [](const std::string& header, std::size_t data) {
    std::string bytes(8, '\0');
    const std::uint64_t length = header.size();
    std::memcpy(bytes.data(), &length, 8);
    return bytes + header + std::string(data, '\0');
  };
  CHECK_THROWS_AS(read(with_header(R"({"x":{"dtype":"F64","shape":[1],"data_offsets":[0,80]}})", 8)), CheckpointError);
  CHECK_THROWS_AS(read(with_header(R"({"x":{"dtype":"F64","shape":[4611686018427387904,4],"data_offsets":[0,8]}})", 8)),
                  CheckpointError);
  CHECK_THROWS_AS(read(with_header(R"({"x":{"dtype":"P","shape":[1],"data_offsets":[0,8]}})", 8)), CheckpointError);
  CHECK_THROWS_AS(
      read(with_header(
          R"({"x":{"dtype":"F64","shape":[1],"data_offsets":[0,8]},"y":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}})",
          8)),
      CheckpointError);
  CHECK_THROWS_AS(read(with_header(std::string(200, '['), 0)), CheckpointError);
  CHECK_THROWS_AS(read(std::string(8, '\xff')), CheckpointError);
}

TEST_CASE("npy files go there and back", "[data]") {
  const toy::Folder folder;
  for (const auto dtype : {torch::kFloat64, torch::kFloat32, torch::kInt64, torch::kBool}) {
    const torch::Tensor tensor = torch::arange(12).reshape({3, 4}).to(dtype);
    write_npy(folder / "x.npy", tensor);
    CHECK(torch::equal(read_npy(folder / "x.npy"), tensor));
  }
  assay::detail::write_file(folder / "bad.npy", "garbage that is long enough");
  CHECK_THROWS_WITH(read_npy(folder / "bad.npy"), Contains("bad.npy"));
}

TEST_CASE("Sobol's sequence has its known first points and may be split", "[data]") {
  const Space unit{{"a", 0, 1}, {"b", 0, 1}};
  const Values points = sobol(unit, 4);
  CHECK(points.numbers("a") == std::vector<double>{0, 0.5, 0.75, 0.25});
  CHECK(points.numbers("b") == std::vector<double>{0, 0.5, 0.25, 0.75});
  CHECK(sobol(unit, 2, {.skip = 2}).numbers("a") == std::vector<double>{0.75, 0.25});
  CHECK_THROWS_AS(Space({{"a", 1, 0}}), ConfigError);
}

TEST_CASE("a Latin hypercube has one point in each stratum", "[data]") {
  const Values points = latin_hypercube(Space{{"a", 0, 10}, {"b", 0, 10}}, 10, RandomKey(1));
  for (const char* name : {"a", "b"}) {
    CHECK(torch::equal(std::get<0>(points[name].floor().sort()), torch::arange(10, torch::kFloat64)));
  }
}

TEST_CASE("random draws depend on their key alone", "[data]") {
  const RandomKey key(7);
  CHECK(key.with("a").with(1).bits() == RandomKey(7).with("a").with(1).bits());
  CHECK(key.with(1).with(2).bits() != key.with(2).with(1).bits());
  double sum = 0;
  for (int i = 0; i < 10000; ++i) sum += key.with(i).uniform();
  CHECK(sum / 10000 == Approx(0.5).margin(0.02));
  CHECK(random_order(key, {10, 20, 30}).size() == 3);
}

// Run by tests/programs/python_safetensors, which has written the file.
TEST_CASE("a file that Python wrote is read as it was meant", "[.python]") {
  const char* file = std::getenv("ASSAY_PYTHON_FILE");
  REQUIRE(file);
  const Values tensors = read_safetensors(file);
  CHECK(torch::equal(tensors["f64"], torch::tensor({0.5, -1.25}, torch::kFloat64)));
  CHECK(torch::equal(tensors["f32"], torch::tensor({{1.5f, 2.5f}}, torch::kFloat32)));
  CHECK(torch::equal(tensors["i64"], torch::tensor({-7, 9}, torch::kInt64)));
  CHECK(torch::equal(tensors["u8"], torch::tensor({1, 255}, torch::kUInt8)));
  CHECK(torch::equal(tensors["bool"], torch::tensor({true, false}, torch::kBool)));
  CHECK(tensors["empty"].sizes() == torch::IntArrayRef{0, 3});
  CHECK(tensors["scalar"].dim() == 0);
}

TEST_CASE("a table written as CSV reads back the same", "[data]") {
  const Values columns{{"x", torch::tensor({0.1, std::nan("")}, torch::kFloat64)},
                       {"y", torch::tensor({{1.5F, 2.0F}, {3.0F, 0.1F}})},
                       {"n", torch::tensor({7, -8}, torch::kInt64)}};
  const std::string text = to_csv({{"who", {"a,b", "c"}}}, columns);
  CHECK(text == "who,x,y[0],y[1],n\n\"a,b\",0.1,1.5,2,7\nc,,3,0.1,-8\n");
  CHECK(parse_csv(text, "t").rows[0] == std::vector<std::string>{"a,b", "0.1", "1.5", "2", "7"});
}
