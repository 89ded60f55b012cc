// The comparator's own mutation score: faults that harnesses are known to let through, put into a right result. Each
// must be rejected bit for bit, and be described in words that lead to the cause.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <functional>
#include <random>
#include <set>

#include "harness/compare/policy.h"
#include "harness/compare/test_values.h"

namespace assay::compare {
namespace {

constexpr std::int64_t kRows = 48, kColumns = 64;

// Random bf16 activations: normal values of both signs and many magnitudes.
Tensor activations(std::uint64_t seed = 1) {
  std::mt19937_64 random(seed);
  Tensor tensor(DType::bf16, {kRows, kColumns});
  for (std::int64_t i = 0; i < tensor.size(); ++i) {
    const std::uint64_t exponent = 120 + random() % 12;
    tensor.set_bits(i, (random() % 2) << 15 | exponent << 7 | random() % 128);
  }
  return tensor;
}

struct Mutation {
  std::string name;
  std::function<void(Tensor&)> apply;
  std::string words;  // that the pattern must contain
};

void swap_rows(Tensor& t, std::int64_t a, std::int64_t b) {
  for (std::int64_t c = 0; c < kColumns; ++c) {
    const std::uint64_t first = t.bits(a * kColumns + c), second = t.bits(b * kColumns + c);
    t.set_bits(a * kColumns + c, second), t.set_bits(b * kColumns + c, first);
  }
}

void transpose_tile(Tensor& t) {
  for (std::int64_t r = 0; r < 16; ++r)
    for (std::int64_t c = 0; c < r; ++c) {
      const std::int64_t x = (16 + r) * kColumns + 32 + c, y = (16 + c) * kColumns + 32 + r;
      const std::uint64_t first = t.bits(x), second = t.bits(y);
      t.set_bits(x, second), t.set_bits(y, first);
    }
}

// Truncation where rounding would have gone away from zero: about half of all elements lose one ulp.
void truncate_some(Tensor& t) {
  std::mt19937_64 random(3);
  for (std::int64_t i = 0; i < t.size(); ++i)
    if (random() % 2 == 0) t.set_bits(i, t.bits(i) - 1);
}

void few_wrong(Tensor& t) {
  std::mt19937_64 random(5);
  std::set<std::int64_t> at;
  while (at.size() < static_cast<std::size_t>(t.size() * 4 / 1000))
    at.insert(static_cast<std::int64_t>(random() % 3072));
  for (const std::int64_t i : at) t.set_bits(i, t.bits(i) ^ 0x0155);
}

std::vector<Mutation> mutations() {
  return {
      {"one ulp", [](Tensor& t) { t.set_bits(777, t.bits(777) + 1); }, "one element, [12, 9]; off by one ulp"},
      {"truncated rounding", truncate_some, "every mismatch is one ulp toward zero"},
      {"stale tail",
       [](Tensor& t) {
         const Tensor stale = activations(2);
         for (std::int64_t r = 0; r < kRows; ++r)
           for (std::int64_t c = 50; c < kColumns; ++c) t.set_bits(r * kColumns + c, stale.bits(r * kColumns + c));
       },
       "the last 14 columns (50..63) of every row"},
      {"rows swapped", [](Tensor& t) { swap_rows(t, 5, 31); }, "rows 5 and 31 are swapped"},
      {"tile transposed", transpose_tile, "transposed within 16x16 tiles"},
      {"0.4 % wrong", few_wrong, "12 scattered elements of 3072 (0.39 %)"},
      {"zeros", [](Tensor& t) { std::fill(t.bytes().begin(), t.bytes().end(), std::byte{0}); }, "actual is all zero"},
      {"half scale",
       [](Tensor& t) {
         for (std::int64_t i = 0; i < t.size(); ++i) t.set_bits(i, t.bits(i) - 128);
       },
       "actual is 0.5 times the expected"},
  };
}

void expect_rejected_and_described(const Tensor& expected, const std::vector<Mutation>& mutations) {
  for (const Mutation& mutation : mutations) {
    Tensor actual = expected;
    mutation.apply(actual);
    const Reference reference{&expected, nullptr, nullptr, {}};
    const auto found = compare(actual, reference, {});
    ASSERT_TRUE(found);
    EXPECT_FALSE(found->passed) << mutation.name;
    const std::string words = describe_pattern(actual, reference, *found);
    EXPECT_NE(words.find(mutation.words), std::string::npos) << mutation.name << ": " << words;
  }
}

TEST(Mutations, AreRejectedByBitsAndDescribed) { expect_rejected_and_described(activations(), mutations()); }

// Special values stand where activations never have them.
TEST(Mutations, OfSpecialValuesAreRejectedByBitsAndDescribed) {
  Tensor expected = activations();
  for (std::int64_t c = 0; c < kColumns; c += 4) {
    expected.set_bits(3 * kColumns + c, 0x7FC0);
    expected.set_bits(4 * kColumns + c, 0);
    expected.set_bits(6 * kColumns + c, 1 + static_cast<std::uint64_t>(c));
  }
  const std::vector<Mutation> specials{{"NaN to infinity",
                                        [](Tensor& t) {
                                          for (std::int64_t c = 0; c < kColumns; c += 4)
                                            t.set_bits(3 * kColumns + c, 0x7F80);
                                        },
                                        "every 4th column of row 3; infinity where NaN is expected"},
                                       {"sign of zero",
                                        [](Tensor& t) {
                                          for (std::int64_t c = 0; c < kColumns; c += 4)
                                            t.set_bits(4 * kColumns + c, 0x8000);
                                        },
                                        "row 4; only the sign of zero"},
                                       {"subnormals flushed",
                                        [](Tensor& t) {
                                          for (std::int64_t c = 0; c < kColumns; c += 4)
                                            t.set_bits(6 * kColumns + c, 0);
                                        },
                                        "row 6; only subnormals, flushed to zero"}};
  expect_rejected_and_described(expected, specials);
}

// Known holes of other comparators: a share of arbitrary elements, and any difference below an absolute threshold.
TEST(Mutations, OfOneElementAreSeenByEveryRuleWithNoSlack) {
  const Tensor expected = activations();
  for (std::int64_t at = 0; at < expected.size(); at += 13) {
    Tensor actual = expected;
    actual.set_bits(at, actual.bits(at) ^ 1);
    const Reference reference{&expected, &expected, &expected, {}};
    for (const char* policy : {"bits", "ulp(0)", "allclose(rtol=0,atol=0)", "bound"}) {
      const auto found = compare(actual, reference, *parse_policy(policy));
      ASSERT_TRUE(found);
      ASSERT_FALSE(found->passed) << policy << " " << at;
      ASSERT_EQ(found->mismatch_indices, std::vector<std::int64_t>{at}) << policy;
    }
  }
}

}  // namespace
}  // namespace assay::compare
