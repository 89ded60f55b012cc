// What a fill is made of: its arguments, its random stream and the tensor. Each family of fills is one file; the table
// of all of them is in fill.cpp.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/core/error.h"
#include "harness/core/fill.h"
#include "harness/core/fills/number.h"
#include "harness/core/random.h"
#include "harness/core/tensor.h"

namespace assay::fills {

class Request {
 public:
  Request(Tensor& target, const FillSpec& spec, RandomStream stream) : tensor(target), random(stream), spec_(spec) {}

  Tensor& tensor;
  RandomStream random;

  DType dtype() const { return tensor.dtype(); }
  // Null for integers.
  const FloatFormat* format() const { return float_format(dtype()); }
  std::int64_t columns() const { return tensor.shape().empty() ? 1 : tensor.shape().back(); }

  // Arguments by key; `otherwise` where absent. Errors name fill and argument.
  Result<std::int64_t> integer(std::string_view key, std::int64_t otherwise, std::int64_t least,
                               std::int64_t greatest) const;
  Result<Dyadic> number(std::string_view key, std::string_view otherwise) const;
  // sign = both, + or -: 0, 1 or -1.
  Result<int> sign() const;
  // The positional argument, empty where absent.
  std::string_view positional() const;
  bool has(std::string_view key) const { return find(key) != nullptr; }

  // "fill 'NAME' of f32: ...".
  template <class... Args>
  tl::unexpected<Error> refuse(fmt::format_string<Args...> format, Args&&... args) const {
    return bad_input("fill '{}' of {}: {}", to_string(spec_), name(dtype()),
                     fmt::format(format, std::forward<Args>(args)...));
  }

  // A number of the fill at this element, or the reason why the dtype cannot hold it.
  Result<std::uint64_t> exactly(Dyadic number) const;

 private:
  const std::string* find(std::string_view key) const;
  const FillSpec& spec_;
};

struct FillRow {
  std::string_view name;
  std::initializer_list<std::string_view> keys;  // besides seed; "" allows one positional argument
  Result<void> (*apply)(Request& request);
};

// Sets every element to `value(index, words)`, where words are 128 random bits of that element.
template <class Value>
void for_each_element(Request& request, Value value) {
  const std::int64_t count = request.tensor.size();
  for (std::int64_t i = 0; i < count; ++i)
    request.tensor.set_bits(i, value(i, request.random.block(static_cast<std::uint64_t>(i))));
}

// The integer 2^21 times a normal number of variance 1: the sum of twelve uniform 21-bit integers less its mean. Two
// blocks of the stream.
std::int64_t normal_2_21(const RandomStream& random, std::uint64_t index);

// constants.cpp
Result<void> zeros(Request& request);
Result<void> constant(Request& request);
Result<void> choice(Request& request);
Result<void> tagged(Request& request);
// counts.cpp
Result<void> counts(Request& request);
// distributions.cpp
Result<void> uniform(Request& request);
Result<void> normal(Request& request);
Result<void> grid(Request& request);
// sums.cpp
Result<void> exact_sum(Request& request);
Result<void> order_sensitive(Request& request);
// ties.cpp
Result<void> ties(Request& request);
Result<void> half_integers(Request& request);
Result<void> bf16_grid(Request& request);
Result<void> half_step(Request& request);
Result<void> quant_ties(Request& request);
Result<void> odd(Request& request);
Result<void> odd_significand(Request& request);
// routes.cpp
Result<void> routes(Request& request);
// specials.cpp
Result<void> specials(Request& request);

}  // namespace assay::fills
