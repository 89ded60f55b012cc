#include "harness/run/guarded.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace assay::run {
namespace {

std::int64_t guard_elements(DType dtype) { return kGuardBytes * 8 / info(dtype).bits; }

// Elements rounded up to whole bytes: e2m1 packs two.
std::int64_t padded_count(DType dtype, const Shape& shape) {
  return bytes_of(dtype, element_count(shape)) * 8 / info(dtype).bits;
}

// Changed bytes of a guard, and where the first one is.
struct Damage {
  std::ptrdiff_t count = 0, first = 0;
};
Damage damage(std::span<const std::byte> guard, std::byte poison) {
  const auto differs = [poison](std::byte value) { return value != poison; };
  const auto first = std::find_if(guard.begin(), guard.end(), differs);
  return {std::count_if(first, guard.end(), differs), first - guard.begin()};
}

}  // namespace

Guarded::Guarded(DType dtype, Shape shape, int pattern, std::int64_t offset)
    : front_bytes_(kGuardBytes + bytes_of(dtype, offset)),
      shape_(std::move(shape)),
      storage_(dtype, {guard_elements(dtype) + front_bytes_ * 8 / info(dtype).bits + padded_count(dtype, shape_)}),
      poison_(kPoison[pattern]) {
  std::fill(storage_.bytes().begin(), storage_.bytes().end(), poison_);
}

std::int64_t Guarded::element_offset() const { return front_bytes_ * 8 / info(storage_.dtype()).bits; }

device::Placement Guarded::placement(std::int64_t rank, bool window) const {
  return {.rank = rank, .window = window, .undefined = false, .front = front_bytes_, .back = kGuardBytes};
}

std::span<const std::byte> Guarded::payload() const {
  const auto front = static_cast<std::size_t>(front_bytes_);
  return storage_.bytes().subspan(front, storage_.bytes().size() - front - kGuardBytes);
}

void Guarded::set(std::span<const std::byte> content) {
  std::copy(content.begin(), content.end(), storage_.bytes().begin() + front_bytes_);
}

Tensor Guarded::content() const {
  Tensor tensor(storage_.dtype(), shape_);
  std::copy(payload().begin(), payload().end(), tensor.bytes().begin());
  return tensor;
}

bool Guarded::content_equals(std::span<const std::byte> other) const {
  const std::span<const std::byte> own = payload();
  return own.size() == other.size() && (own.empty() || std::memcmp(own.data(), other.data(), own.size()) == 0);
}

std::string Guarded::broken_guard() const {
  const std::span<const std::byte> all = storage_.bytes();
  if (const Damage before = damage(all.first(static_cast<std::size_t>(front_bytes_)), poison_); before.count != 0)
    return fmt::format("{} bytes before its start, the first at -{}", before.count, front_bytes_ - before.first);
  if (const Damage after = damage(all.last(kGuardBytes), poison_); after.count != 0)
    return fmt::format("{} bytes after its end, the first at +{}", after.count, after.first);
  return "";
}

}  // namespace assay::run
