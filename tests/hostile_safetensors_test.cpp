// SPDX-License-Identifier: Apache-2.0
// Safetensors files that somebody made in order to harm: each ends in a clear error, in bounded memory.
#include "support/catch.hpp"
#include "support/toy.hpp"

#include <assay/data/safetensors.hpp>
#include <assay/error.hpp>

#include <span>

using namespace assay;

namespace {

std::string with_header(const std::string& header, std::size_t data = 0) {
  const std::uint64_t length = header.size();
  return std::string(reinterpret_cast<const char*>(&length), 8) + header + std::string(data, '\0');
}

Values read_bytes(const std::string& bytes, std::map<std::string, std::string>* metadata = nullptr) {
  return from_safetensors(std::as_bytes(std::span(bytes)), "hostile file", metadata);
}

std::string entry(const std::string& dtype, const std::string& shape, const std::string& offsets) {
  return R"({"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}";
}

/// What `from_safetensors` says to one tensor.
std::string refusal(const std::string& tensor, std::size_t data = 8) {
  try {
    read_bytes(with_header("{\"x\":" + tensor + "}", data));
  } catch (const CheckpointError& error) {
    return error.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("a safetensors header that lies is refused, and the error says how", "[hostile]") {
  CHECK(refusal(entry("F64", "[1]", "[0,8]")) == "accepted");
  CHECK_THAT(refusal(entry("F64", "[1]", "[0,16]")), Contains("8 bytes of data") && Contains("inside the file"));
  CHECK_THAT(refusal(entry("F64", "[2]", "[0,16]")), Contains("inside the file"));
  CHECK_THAT(refusal(entry("F64", "[1]", "[8,0]")), Contains("inside the file"));
  CHECK_THAT(refusal(entry("F64", "[1]", "[18446744073709551608,0]")), Contains("inside the file"));
  CHECK_THAT(refusal(entry("F64", "[1]", "[0,18446744073709551616]")), Contains("data offsets"));
  CHECK_THAT(refusal(entry("F64", "[1]", "[-8,0]")), Contains("data offsets"));
  CHECK_THAT(refusal(entry("F64", "[4294967296,4294967296]", "[0,8]")), Contains("to fit the file"));
  CHECK_THAT(refusal(entry("F64", "[2305843009213693953]", "[0,8]")), Contains("to fit the file"));
  CHECK_THAT(refusal(entry("F64", "[0,9223372036854775807,9223372036854775807]", "[0,0]"), 0),
             Contains("to fit the file"));
  CHECK_THAT(refusal(entry("F64", "[-1]", "[0,8]")), Contains("extents >= 0"));
  CHECK_THAT(refusal(entry("F64", "[1.0]", "[0,8]")), Contains("extents >= 0"));
  CHECK_THAT(refusal(entry("PICKLE", "[1]", "[0,8]")), Contains("a known dtype"));
  std::string dimensions = "[1";
  for (int i = 0; i < 64; ++i) dimensions += ",1";
  CHECK_THAT(refusal(entry("F64", dimensions + "]", "[0,8]")), Contains("at most 64 dimensions"));

  const std::string one = entry("F64", "[1]", "[0,8]"), two = entry("F64", "[1]", "[8,16]");
  CHECK_THROWS_WITH(read_bytes(with_header("{\"x\":" + one + ",\"y\":" + one + "}", 8)),
                    Contains("without gaps or overlaps"));
  CHECK_THROWS_WITH(read_bytes(with_header("{\"y\":" + two + "}", 16)), Contains("without gaps or overlaps"));
  CHECK_THROWS_WITH(read_bytes(with_header("{\"x\":" + one + "}", 9)), Contains("8 bytes of data"));
  CHECK_THROWS_WITH(read_bytes(with_header("{\"x\":" + one + ",\"x\":" + two + "}", 16)), Contains("'x' twice"));
  CHECK_THROWS_WITH(read_bytes(with_header("{\"__metadata__\":{\"a\":1}}")), Contains("a safetensors header"));
  CHECK_THROWS_WITH(read_bytes(with_header("{\"__metadata__\":" + std::string(70, '['))), Contains("64 levels"));
}

TEST_CASE("a header of more than 16 MiB is neither read nor written", "[hostile]") {
  const std::string spaces(std::size_t{16} << 20, ' ');
  CHECK(read_bytes(with_header("{}" + spaces.substr(2))).empty());
  CHECK_THROWS_WITH(read_bytes(with_header("{}" + spaces)), Contains("of at most 16777216 bytes"));
  CHECK_THROWS_WITH(to_safetensors({}, {{"text", spaces}}), Contains("16777216 bytes of names and texts"));
  CHECK_THROWS_WITH(read_bytes(std::string(7, '\xff') + '\x7f'), Contains("a header inside the file"));
}

TEST_CASE("a hundred thousand tensors are read in no more than linear time", "[hostile]") {
  std::string header = "{";
  for (int i = 0; i < 100'000; ++i) header += "\"" + std::to_string(i) + "\":" + entry("U8", "[0]", "[0,0]") + ",";
  header.back() = '}';
  const Values tensors = read_bytes(with_header(header));
  CHECK(tensors.size() == 100'000);
  CHECK(tensors.contains("99999"));
  CHECK(tensors.without({"5"}).pick({"99999"}).size() == 1);
  CHECK_THROWS_WITH(tensors.at("x"), Contains("100000 in all"));
}
