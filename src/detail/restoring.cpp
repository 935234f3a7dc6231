// SPDX-License-Identifier: Apache-2.0
#include <assay/detail/restoring.hpp>
#include <assay/error.hpp>
#include <assay/json.hpp>

#include <c10/util/Exception.h>

#include <new>

namespace assay::detail {

namespace {

[[noreturn]] void not_restored(std::string_view what, std::string got) {
  if (got.size() > 500) got.replace(500, std::string::npos, "…");
  throw CheckpointError({"assay.checkpoint.state", std::string(what), "the state that such a component saved",
                         std::move(got), "it belongs to another component, or the file was altered"});
}

}  // namespace

void rethrow_as_damaged(std::string_view what) {
  try {
    throw;
  } catch (const Json::exception& error) {
    not_restored(what, error.what());
  } catch (const c10::Error& error) {
    not_restored(what, error.what_without_backtrace());
  } catch (const std::logic_error& error) {  // numbers in texts, positions out of range
    not_restored(what, error.what());
  } catch (const std::bad_alloc&) {
    not_restored(what, "one that does not fit into memory");
  }
}

}  // namespace assay::detail
