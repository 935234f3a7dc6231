// SPDX-License-Identifier: Apache-2.0
#include <assay/error.hpp>
#include <assay/label/external_label.hpp>

namespace assay {

void ExternalLabel::label(LabelContext&) {
  throw ConfigError({"assay.label.external", "label", "a label strategy that can simulate", "ExternalLabel",
                     "drive the campaign with ask, tell and advance, or use another label strategy"});
}

}  // namespace assay
