// SPDX-License-Identifier: Apache-2.0
#include "lcmd.hpp"

#include <algorithm>
#include <cmath>

namespace assay::detail {

template <class T>
Lcmd<T>::Lcmd(Run<T>& run)
    : run_(run),
      state_(run, true),
      taken_(static_cast<std::size_t>(run.n())),
      chosen_(run.meter, run.count * run.d()) {}

template <class T>
SelectedBatch Lcmd<T>::choose() {
  std::vector<std::int64_t> rows;
  std::vector<double> scores;
  if (run_.count == 0) return run_.finish(rows, scores);
  state_.add_known();
  first_chosen_ = state_.centers;
  if (state_.centers > 0) sum_all();
  while (static_cast<std::int64_t>(rows.size()) < run_.count) {
    const bool first = state_.centers == 0;
    const Winner winner = first ? largest_norm(run_) : farthest_in(largest_clusters());
    const std::int64_t row = winner.row();
    rows.push_back(row);
    scores.push_back(std::sqrt(winner.score()));
    taken_[static_cast<std::size_t>(row)] = true;
    run_.copy_row(row, chosen_.data() + chosen_count_ * run_.d());
    ++chosen_count_;
    if (static_cast<std::int64_t>(rows.size()) == run_.count) break;
    if (first) {
      state_.add(chosen_.data(), 1);
      sum_all();
      continue;
    }
    Changes changes;
    if (const auto known = ahead_.find(row); known != ahead_.end()) {
      changes = std::move(known->second);
      ++used_;
    } else if (!look_near(changes)) {
      // A pass that few of its guesses came true of is followed by a narrower one.
      if (!ahead_.empty()) width_ = std::clamp<std::int64_t>(2 * used_ + 2, 4, 32);
      used_ = 1;
      look_ahead(likely_picks(row, std::min({width_, run_.count - chosen_count_ + 1, 1 + state_.centers / 8})));
      changes = std::move(ahead_[row]);
    }
    apply(changes);
  }
  return run_.finish(std::move(rows), std::move(scores));
}

template <class T>
void Lcmd<T>::sum_all() {
  clusters_.assign(static_cast<std::size_t>(state_.centers), {});
  for (std::int64_t i = 0; i < run_.n(); ++i) {
    Cluster& cluster = clusters_[static_cast<std::size_t>(state_.nearest[i])];
    cluster.size += value(i);
    ++cluster.rows;
  }
  for (Cluster& cluster : clusters_) cluster.most = cluster.size;
}

template <class T>
std::vector<std::int32_t> Lcmd<T>::largest_clusters() {
  double least = -1;
  for (const Cluster& cluster : clusters_) least = std::max(least, cluster.size - cluster.slack());
  std::vector<std::int32_t> contenders;
  for (std::size_t c = 0; c < clusters_.size(); ++c) {
    if (clusters_[c].size + clusters_[c].slack() >= least) contenders.push_back(static_cast<std::int32_t>(c));
  }
  if (contenders.size() < 2) return contenders;
  // Their sizes as defined: sums in the order of rows.
  std::vector<std::int32_t> place(clusters_.size(), -1);
  std::vector<double> sums(contenders.size(), 0.0);
  for (std::size_t k = 0; k < contenders.size(); ++k)
    place[static_cast<std::size_t>(contenders[k])] = static_cast<std::int32_t>(k);
  for (std::int64_t i = 0; i < run_.n(); ++i) {
    const std::int32_t k = place[static_cast<std::size_t>(state_.nearest[i])];
    if (k >= 0) sums[static_cast<std::size_t>(k)] += value(i);
  }
  const double largest = *std::max_element(sums.begin(), sums.end());
  std::vector<std::int32_t> winners;
  for (std::size_t k = 0; k < contenders.size(); ++k) {
    if (sums[k] == largest) winners.push_back(contenders[k]);
  }
  return winners;
}

template <class T>
Winner Lcmd<T>::farthest_in(const std::vector<std::int32_t>& clusters) const {
  Winner winner(run_);
  const auto offer = [&](std::int64_t i) {
    if (!taken_[static_cast<std::size_t>(i)]) winner.offer(value(i), i);
  };
  if (clusters.size() == 1) {
    for (std::int64_t i = 0; i < run_.n(); ++i) {
      if (state_.nearest[i] == clusters.front()) offer(i);
    }
  } else {
    std::vector<bool> wins(clusters_.size());
    for (const std::int32_t c : clusters) wins[static_cast<std::size_t>(c)] = true;
    for (std::int64_t i = 0; i < run_.n(); ++i) {
      if (wins[static_cast<std::size_t>(state_.nearest[i])]) offer(i);
    }
  }
  if (winner.row() >= 0) return winner;
  // Only taken rows in it (their sum can be above 0 by weights of infinite distances alone): any row that is left.
  for (std::int64_t i = 0; i < run_.n(); ++i) offer(i);
  return winner;
}

template <class T>
std::vector<std::int64_t> Lcmd<T>::likely_picks(std::int64_t first, std::int64_t count) const {
  constexpr std::size_t rows_each = 64;
  std::vector<std::int64_t> picks{first};
  if (count <= 1) return picks;
  // The largest clusters with their farthest rows; then the choice as if only rows of the same cluster moved.
  struct Guess {
    double size;
    std::vector<std::pair<double, std::int64_t>> rows;
  };
  std::vector<std::int32_t> order(clusters_.size());
  for (std::size_t c = 0; c < order.size(); ++c) order[c] = static_cast<std::int32_t>(c);
  const auto keep = std::min<std::size_t>(static_cast<std::size_t>(count), order.size());
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(keep), order.end(),
                    [&](std::int32_t a, std::int32_t b) {
                      return clusters_[static_cast<std::size_t>(a)].size > clusters_[static_cast<std::size_t>(b)].size;
                    });
  std::vector<std::int32_t> place(clusters_.size(), -1);
  std::vector<Guess> guesses(keep);
  for (std::size_t k = 0; k < keep; ++k) {
    place[static_cast<std::size_t>(order[k])] = static_cast<std::int32_t>(k);
    guesses[k].size = clusters_[static_cast<std::size_t>(order[k])].size;
  }
  const auto shrink = [&](auto& rows) {
    const auto end = rows.begin() + static_cast<std::ptrdiff_t>(std::min(rows_each, rows.size()));
    std::partial_sort(rows.begin(), end, rows.end(), std::greater<>());
    rows.erase(end, rows.end());
  };
  for (std::int64_t i = 0; i < run_.n(); ++i) {
    const std::int32_t k = place[static_cast<std::size_t>(state_.nearest[i])];
    if (k < 0 || (taken_[static_cast<std::size_t>(i)] && i != first)) continue;
    auto& rows = guesses[static_cast<std::size_t>(k)].rows;
    rows.push_back({value(i), i});
    if (rows.size() >= 16 * rows_each) shrink(rows);
  }
  Array<T> pick(run_.meter, run_.d()), other(run_.meter, run_.d());
  for (Guess& guess : guesses) shrink(guess.rows);
  for (std::int64_t row = first;;) {
    run_.copy_row(row, pick.data());
    const std::int32_t k = place[static_cast<std::size_t>(state_.nearest[row])];
    if (k >= 0) {
      Guess& guess = guesses[static_cast<std::size_t>(k)];
      for (auto& [value, i] : guess.rows) {
        run_.copy_row(i, other.data());
        const double now = run_.weight(i) * run_.kernel.square_distance(pick.data(), other.data(), run_.d());
        if (i != row && !(now < value)) continue;
        guess.size -= value - (i == row ? 0 : now);
        value = i == row ? -1 : now;
      }
    }
    if (static_cast<std::int64_t>(picks.size()) >= count) return picks;
    auto largest = std::max_element(guesses.begin(), guesses.end(),
                                    [](const Guess& a, const Guess& b) { return a.size < b.size; });
    const auto farthest = std::max_element(largest->rows.begin(), largest->rows.end());
    if (farthest == largest->rows.end() || farthest->first < 0) return picks;
    row = farthest->second;
    picks.push_back(row);
  }
}

template <class T>
void Lcmd<T>::look_ahead(const std::vector<std::int64_t>& rows) {
  const std::int64_t d = run_.d(), block_rows = run_.plan.block_rows;
  const auto count = static_cast<std::int64_t>(rows.size());
  Array<T> copies(run_.meter, count * d);
  for (std::int64_t j = 0; j < count; ++j) run_.copy_row(rows[static_cast<std::size_t>(j)], copies.data() + j * d);
  const Centers<T> guesses(run_, copies.data(), count, state_.shift());
  struct Found {
    std::int32_t guess;
    Change change;
  };
  std::vector<std::vector<Found>> found(static_cast<std::size_t>((run_.n() + block_rows - 1) / block_rows));
  run_.blocks([&] {
    return [&, block = Block<T>(run_, state_.shift(), count)](RowReader<T>& reader, std::int64_t first,
                                                              std::int64_t n) mutable {
      auto& here = found[static_cast<std::size_t>(first / block_rows)];
      block.take(run_.pool, reader.block(first, n), first, n);
      block.multiply(guesses, 0, count);
      for (std::int64_t i = 0; i < n; ++i) {
        const double least = state_.best[first + i];
        for (const std::int32_t j : block.within(i, least, false)) {
          const double square = run_.kernel.square_distance(block.row(i), guesses.row(j), d);
          if (square < least) here.push_back({j, {first + i, square}});
        }
      }
    };
  });
  run_.touch(run_.n());
  ahead_.clear();
  run_.meter.add(-ahead_bytes_);
  ahead_bytes_ = 0;
  std::vector<Changes> changes(rows.size());
  for (auto& here : found) {
    ahead_bytes_ += static_cast<std::int64_t>(here.size() * sizeof(Found));
    for (const Found& entry : here) changes[static_cast<std::size_t>(entry.guess)].push_back(entry.change);
    here = {};
  }
  for (std::size_t j = 0; j < rows.size(); ++j) ahead_[rows[j]] = std::move(changes[j]);
  run_.meter.add(ahead_bytes_);
}

template <class T>
bool Lcmd<T>::look_near(Changes& changes) {
  for (const FeatureMatrix& matrix : run_.known) {
    if (matrix.on_disk()) return false;
  }
  // |x - c| >= |a - c| - |x - a|: a row whose distance to its center a is at most half of |a - c| stays there.
  const std::int64_t d = run_.d(), n = run_.n();
  const T* center = chosen_.data() + (chosen_count_ - 1) * d;
  std::vector<double> reach;
  reach.reserve(clusters_.size());
  const auto add = [&](const T* rows, std::int64_t count) {
    for (std::int64_t a = 0; a < count; ++a) {
      const double square = run_.kernel.square_distance(rows + a * d, center, d);
      reach.push_back(square > 1e-280 ? square / 4 * (1 - 1e-9) : 0);
    }
  };
  for (const FeatureMatrix& matrix : run_.known) add(static_cast<const T*>(matrix.data()), matrix.rows());
  add(chosen_.data(), chosen_count_ - 1);
  const std::int64_t most = n / (run_.pool.on_disk() ? 256 : 16) + 64;
  std::vector<std::int64_t> near;
  for (std::int64_t i = 0; i < n; ++i) {
    if (!(state_.best[i] > reach[static_cast<std::size_t>(state_.nearest[i])])) continue;
    near.push_back(i);
    if (static_cast<std::int64_t>(near.size()) > most) return false;
  }
  RowReader<T> reader(run_.meter, run_.pool, 0);
  for (const std::int64_t i : near) {
    const double square = run_.kernel.square_distance(reader.row(i), center, d);
    if (square < state_.best[i]) changes.push_back({i, square});
  }
  run_.touch(static_cast<std::int64_t>(near.size()));
  return true;
}

template <class T>
void Lcmd<T>::apply(const Changes& changes) {
  const auto added = static_cast<std::int32_t>(state_.centers++);
  clusters_.push_back({});
  for (const Change& change : changes) {
    if (!(change.square < state_.best[change.row])) continue;
    Cluster& from = clusters_[static_cast<std::size_t>(state_.nearest[change.row])];
    Cluster& to = clusters_.back();
    from.size -= value(change.row);
    from.steps += 1;
    --from.rows;
    state_.best[change.row] = change.square;
    state_.nearest[change.row] = added;
    to.size += value(change.row);
    ++to.rows;
    to.steps += 1;
    to.most = std::max(to.most, to.size);
  }
}

template class Lcmd<float>;
template class Lcmd<double>;

}  // namespace assay::detail
