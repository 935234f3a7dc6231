// SPDX-License-Identifier: Apache-2.0
#include <assay/detail/guest.hpp>

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>

#include <dlfcn.h>

namespace assay::detail {

namespace {

/// The process's OpenMP, which the host and LibTorch share. assay is compiled without, and takes what is there.
class OpenMp {
 public:
  /// 0 where there is none.
  int threads() const { return threads_ ? threads_() : 0; }
  void set_threads(int count) const {
    if (set_threads_ && count > 0 && count != threads()) set_threads_(count);
  }

 private:
  int (*threads_)() = reinterpret_cast<int (*)()>(::dlsym(RTLD_DEFAULT, "omp_get_max_threads"));
  void (*set_threads_)(int) = reinterpret_cast<void (*)(int)>(::dlsym(RTLD_DEFAULT, "omp_set_num_threads"));
};

const OpenMp& openmp() {
  static const OpenMp found;
  return found;
}

/// Of a thread of the host.
struct Visits {
  int depth = 0;      ///< scopes that are open
  int own = 0;        ///< threads that assay computes with
  int left_with = 0;  ///< those of OpenMP that the last scope gave back
};
thread_local Visits visits;

}  // namespace

GuestScope::GuestScope() : host_threads_(openmp().threads()), gradients_(at::GradMode::is_enabled()) {
  // The host's count is assay's too if the host has chosen it since the last visit.
  if (visits.depth++ == 0 && visits.own > 0 && host_threads_ == visits.left_with) openmp().set_threads(visits.own);
  threads_ = at::get_num_threads();  // which counts with OpenMP, and sets its count when it is first asked
  if (visits.depth == 1) visits.own = threads_;
  std::feholdexcept(&environment_);
  std::fesetround(FE_TONEAREST);
}

GuestScope::~GuestScope() {
  if (at::get_num_threads() != threads_) at::set_num_threads(threads_);
  if (--visits.depth == 0) {
    openmp().set_threads(host_threads_);
    visits.left_with = host_threads_;
  }
  at::GradMode::set_enabled(gradients_);
  std::fesetenv(&environment_);
}

}  // namespace assay::detail
