// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <assay/error.hpp>
#include <assay/options.hpp>

#include <string>
#include <utility>
#include <vector>

namespace assay::detail {

/// Reads fields of a learner, each a name or an object.
/// \tparam Written what an object says. \param made a field of that. \param one what each may be, in words.
template <class Field, class Written, class Fields, class Make>
void read_named_fields(const ConfigReader& reader, Fields& fields, const std::string& one, Make made) {
  if (!reader.expect(reader.json().is_array(), OptionCodec<Fields>::type())) return;
  std::vector<Field> read;
  for (std::size_t i = 0; i < reader.json().size(); ++i) {
    const ConfigReader child = reader.child(i);
    if (child.json().is_string()) {
      read.emplace_back(child.json().template get<std::string>());
    } else if (child.expect(child.json().is_object(), one)) {
      read.push_back(made(options_from_json<Written>(child)));
    }
  }
  try {
    fields = Fields(std::move(read));
  } catch (const ConfigError& error) {
    for (const ErrorParts& problem : error.problems())
      reader.problem(problem.id, problem.expected, problem.got, problem.where);
  }
}

}  // namespace assay::detail
