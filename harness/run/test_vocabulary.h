// Two small pipelines and a few words, so that matrices can be tested without files or backends.
#pragma once

#include <algorithm>

#include "harness/run/matrix.h"

namespace assay::run {

class TestVocabulary {
 public:
  TestVocabulary() {
    add_.name = "add";
    add_.parameters = {integer("T", 16, 1, 4096), integer("D", 64, 1, 8192), integer("blocks", 1, 1, 64)};
    quant_.name = "quant";
    quant_.parameters = {
        integer("T", 4, 1, 4096), integer("D", 32, 1, 8192), {"x_dtype", std::string("bf16"), {}, {}, {"bf16", "f32"}}};
    quant_.constraints.push_back(*Expression::parse("D%16==0"));
  }

  Vocabulary make() const {
    Vocabulary vocabulary;
    vocabulary.pipeline = [this](std::string_view name) -> Result<const pipeline::Pipeline*> {
      if (name == "add") return &add_;
      if (name == "quant") return &quant_;
      return bad_input("unknown pipeline '{}', expected one of add, quant", name);
    };
    vocabulary.fill = [](const pipeline::Pipeline&, std::string_view fill) {
      return one_of(fill, {"uniform", "ties", "specials"});
    };
    vocabulary.policy = [](std::string_view word) {
      return one_of(word, {"bits", "bound", "allclose(rtol=1,atol=0)"});
    };
    vocabulary.profile = [](std::string_view word) { return one_of(word, {"a2a3", "opencl"}); };
    vocabulary.expect = [](std::string_view word) { return one_of(word, {"pass", "fail:B01", "fail:B03"}); };
    vocabulary.backend = [](std::string_view word) { return one_of(word, {"sim", "opencl"}); };
    return vocabulary;
  }

 private:
  static pipeline::Parameter integer(const char* name, std::int64_t value, std::int64_t min, std::int64_t max) {
    return {name, value, min, max, {}};
  }
  static std::optional<std::string> one_of(std::string_view word, std::vector<std::string_view> known) {
    if (std::find(known.begin(), known.end(), word) != known.end()) return std::nullopt;
    return fmt::format("unknown word '{}', expected one of {}", word, fmt::join(known, ", "));
  }

  pipeline::Pipeline add_, quant_;
};

}  // namespace assay::run
