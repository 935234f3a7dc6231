// SPDX-License-Identifier: Apache-2.0
#include "status_text.hpp"

#include "session.hpp"

#include <assay/error.hpp>

#include <sstream>

namespace assay::app {

namespace {

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

/// The last line of what a program printed that is not blank.
std::string last_line(const std::string& output) {
  const std::size_t end = output.find_last_not_of(" \t\r\n");
  if (end == std::string::npos) return "";
  const std::size_t before = output.find_last_of('\n', end);
  return output.substr(before + 1, end - before);
}

/// As many digits as say something; what is no number (inf, nan) as it stands.
std::string figure(const Json& value) {
  if (!value.is_number()) return value.is_string() ? value.get<std::string>() : value.dump();
  std::ostringstream text;
  text.precision(5);
  text << value.get<double>();
  return text.str();
}

/// Samples that labels are still to come for.
std::int64_t open_samples(const Json& counts) {
  return counts.at("queued").get<std::int64_t>() + counts.at("running").get<std::int64_t>();
}

std::string state_of(const Json& position, std::int64_t open = 0) {
  if (position.at("finished").get<bool>()) {
    return "finished (" + position.at("finished_by").get<std::string>() + ")" +
           (open > 0 ? ", and opened again for " + std::to_string(open) + (open == 1 ? " sample" : " samples") : "");
  }
  return "round " + position.at("round").dump() + ", " + position.at("phase").get<std::string>();
}

/// What a writer on another host last said.
std::string elsewhere_text(const Json& status) {
  std::ostringstream out;
  out << "campaign     " << status.at("campaign").get<std::string>() << ", run on another host\n"
      << "state        " << state_of(status.at("position")) << "\nlabels       " << status.at("labels").dump()
      << " for training, " << status.at("failed").dump() << " samples failed, " << status.at("queued").dump()
      << " queued, " << status.at("running").dump() << " running\n";
  return out.str();
}

/// A line for each reason, the most frequent first, with how a program that failed so ended.
void print_failures(std::ostream& out, const Json& status) {
  constexpr std::size_t most = 10;
  const Json& groups = status.at("failure_groups");
  for (std::size_t i = 0; i < std::min(groups.size(), most); ++i) {
    const Json& group = groups[i];
    const auto count = group.at("count").get<std::int64_t>();
    out << "failed       " << count << (count == 1 ? " sample: " : " samples: ")
        << group.at("reason").get<std::string>() << '\n';
    out << "             as sample " << group.at("sample").dump();
    for (const Json& failure : status.at("failures")) {
      if (failure.at("sample") != group.at("sample")) continue;
      if (const std::string last = last_line(failure.at("output").get<std::string>()); !last.empty())
        out << ", which said last: " << last;
    }
    out << '\n';
  }
  if (groups.size() > most) out << "             and " << groups.size() - most << " other reasons\n";
}

std::string next_steps(const std::filesystem::path& campaign, const Json& status) {
  const std::string name = campaign.string();
  const Json& position = status.at("position");
  const bool finished = position.is_object() && position.at("finished").get<bool>() &&
                        open_samples(status.at("counts")) == 0;
  std::string text;
  if (status.at("counts").at("failed").get<std::int64_t>() > 0)
    text += "next         'assay retry " + name + " --failed' queues what failed again, once its cause is mended\n";
  try {
    if (!continues_from_shell(campaign))
      return text + (finished ? "" : "next         the program that started the campaign goes on with it\n");
  } catch (const Error& error) {
    return text + "damaged      " + first_line(error.what()) + "\n";
  }
  if (finished) {
    return text + "next         'assay predict " + name + " inputs.csv' asks the surrogate, 'assay export " + name +
           " --to csv' writes the labels, 'assay run " + name + " --rounds N' goes on\n";
  }
  if (is_told(campaign)) return text + "next         " + how_to_tell(campaign) + "\n";
  return text + "next         'assay run " + name + "' " + (position.is_object() ? "goes on" : "runs it") + "\n";
}

}  // namespace

std::string status_text(const std::filesystem::path& campaign, const Json& status) {
  if (!status.contains("counts")) return elsewhere_text(status);
  std::ostringstream out;
  const Json& counts = status.at("counts");
  const auto count = [&](const char* name) { return std::to_string(counts.at(name).get<std::int64_t>()); };
  out << "campaign     " << status.at("campaign").get<std::string>() << '\n';
  if (const Json& position = status.at("position"); position.is_object()) {
    out << "state        " << state_of(position, open_samples(counts)) << '\n';
    out << "learner      " << status.at("slots").at("learner").value("type", Json()).dump() << ", query "
        << status.at("slots").at("query").value("type", Json()).dump() << '\n';
  } else if (status.at("damaged_checkpoints").empty()) {
    out << "state        new: nothing was trained or measured yet\n";
  } else {
    out << "state        no intact checkpoint: the campaign goes on from its ledger\n";
  }
  out << "labels       " << count("labels") << " for training, " << count("validation_labels") << " for validation, "
      << count("test_labels") << " for tests, beside those it was given\n";
  out << "simulations  " << count("simulations") << " run, " << count("failed") << " samples failed, "
      << count("infeasible") << " infeasible, " << count("queued") << " queued, " << count("running") << " running, "
      << count("abandoned") << " given up\n";
  if (counts.at("archived").get<std::int64_t>() > 0)
    out << "imported     " << count("archived") << " labels of other campaigns and files\n";
  if (const Json& metrics = status.at("metrics"); metrics.is_object()) {
    out << "metrics      round " << metrics.at("round").dump() << ", learned from " << metrics.at("labels").dump()
        << " labels\n";
    for (const Json& m : metrics.at("measurements"))
      out << "             " << m.at("name").get<std::string>() << " " << figure(m.at("value")) << '\n';
  }
  print_failures(out, status);
  for (const Json& damaged : status.at("damaged_checkpoints"))
    out << "damaged      " << first_line(damaged.get<std::string>()) << '\n';
  out << next_steps(campaign, status);
  return out.str();
}

}  // namespace assay::app
