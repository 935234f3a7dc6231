// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

namespace assay {

/// Rows of features that a selection reads: a tensor, or a file that is mapped or read block by block.
///
/// Shapes: [n, d], float32 or float64; a vector [n] counts as [n, 1].
class FeatureMatrix {
 public:
  /// No rows at all.
  FeatureMatrix() = default;
  /// \param rows on any device; kept on the CPU, copied only if they are not contiguous there.
  /// Errors: `ShapeError` `assay.select.shape`, `assay.select.dtype`.
  FeatureMatrix(const torch::Tensor& rows, std::string name = "features");
  /// Opens a `.npy` or `.safetensors` file and checks its header and length; reads no rows yet.
  /// \param tensor the tensor's name in a safetensors file; may be left out where it holds only one.
  /// Errors: `DataError` `assay.select.file` for a file that is missing, truncated, in Fortran order or of another
  /// format; `ShapeError` as above.
  static FeatureMatrix open(const std::filesystem::path& file, const std::string& tensor = "");

  bool empty() const noexcept { return rows_ == 0; }
  std::int64_t rows() const noexcept { return rows_; }
  std::int64_t dims() const noexcept { return dims_; }
  torch::Dtype dtype() const noexcept { return dtype_; }
  std::int64_t bytes() const noexcept { return rows_ * dims_ * static_cast<std::int64_t>(c10::elementSize(dtype_)); }
  const std::string& name() const noexcept { return name_; }
  /// Whether the rows stand in a file that is not mapped.
  bool on_disk() const noexcept { return source_ != nullptr && data() == nullptr; }
  bool from_file() const noexcept;

  /// Maps the file into memory, until the last copy of this object is gone.
  void map();
  /// The first row, or null while the rows are on disk.
  const void* data() const noexcept;
  /// Copies rows out, from memory or from disk; safe in several threads.
  void read(std::int64_t first, std::int64_t count, void* out) const;

 private:
  struct Source;
  std::shared_ptr<Source> source_;
  std::int64_t rows_ = 0, dims_ = 0;
  torch::Dtype dtype_ = torch::kFloat32;
  std::string name_;
};

}  // namespace assay
