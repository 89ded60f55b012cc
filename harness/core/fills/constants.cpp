// zeros, constant, choice, tagged.
#include <algorithm>
#include <charconv>

#include "harness/core/fills/fill_function.h"

namespace assay::fills {
namespace {

// One value: "0x3F800000" is a bit pattern, everything else a number.
Result<std::uint64_t> value_of(const Request& request, std::string_view text) {
  if (text.starts_with("0x") || text.starts_with("0X")) {
    std::uint64_t bits = 0;
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data() + 2, end, bits, 16);
    const int width = info(request.dtype()).bits;
    if (error != std::errc{} || stop != end || (width < 64 && bits >> width != 0))
      return request.refuse("'{}' is not a pattern of {} bits", text, width);
    return bits;
  }
  const auto number = parse_number(text);
  if (!number) return request.refuse("'{}' is neither a finite number nor a bit pattern 0x...", text);
  if (request.format() == nullptr) return request.exactly(*number);
  return encode(request.dtype(), *number);
}

// Largest integer below which every integer is a value of the type.
std::int64_t exact_integers(const Request& request) {
  if (const FloatFormat* format = request.format()) {
    const std::int64_t limit = std::int64_t{2} << format->fraction_bits;
    const auto largest = decode(request.dtype(), format->max_finite);
    const Wide whole = largest->exponent >= 0 ? largest->mantissa << std::min(largest->exponent, 60)
                                              : largest->mantissa >> -largest->exponent;
    return static_cast<std::int64_t>(std::min(Wide{limit}, whole));
  }
  return integer_max(request.dtype());
}

bool is_prime(std::int64_t n) {
  for (std::int64_t d = 2; d * d <= n; ++d)
    if (n % d == 0) return false;
  return n > 1;
}

}  // namespace

Result<void> zeros(Request& request) {
  std::fill(request.tensor.bytes().begin(), request.tensor.bytes().end(), std::byte{0});
  return {};
}

Result<void> constant(Request& request) {
  const auto bits = value_of(request, request.positional());
  if (!bits) return tl::unexpected(bits.error());
  for_each_element(request, [&](std::int64_t, const PhiloxCounter&) { return *bits; });
  return {};
}

Result<void> choice(Request& request) {
  std::vector<std::uint64_t> values;
  std::string_view list = request.positional();
  while (true) {
    const std::size_t bar = list.find('|');
    const auto bits = value_of(request, list.substr(0, bar));
    if (!bits) return tl::unexpected(bits.error());
    values.push_back(*bits);
    if (bar == std::string_view::npos) break;
    list.remove_prefix(bar + 1);
  }
  for_each_element(request, [&](std::int64_t, const PhiloxCounter& words) {
    return values[scale_to(words[0] | std::uint64_t{words[1]} << 32, values.size())];
  });
  return {};
}

// Row and column counted from 1, side by side in decimal: row * 10^k + column, 10^k the least power above the number of
// columns. Where the largest tag is no exact integer of the type, 1 + (linear index mod P) with P the largest prime
// that fits, so that elements one row apart still differ.
Result<void> tagged(Request& request) {
  const std::int64_t columns = std::max<std::int64_t>(request.columns(), 1);
  const std::int64_t rows = request.tensor.size() / columns;
  std::int64_t power = 10;
  while (power <= columns) power *= 10;
  const std::int64_t limit = exact_integers(request);
  const bool fits = rows < limit / power && rows * power + columns <= limit;
  std::int64_t prime = std::min<std::int64_t>(limit, 1 << 24);
  while (prime > 2 && !is_prime(prime)) --prime;
  for_each_element(request, [&](std::int64_t i, const PhiloxCounter&) {
    const std::int64_t tag = fits ? (i / columns + 1) * power + i % columns + 1 : 1 + i % prime;
    return encode(request.dtype(), {tag, 0});
  });
  return {};
}

}  // namespace assay::fills
