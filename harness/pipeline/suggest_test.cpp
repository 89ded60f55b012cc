#include "harness/pipeline/suggest.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <vector>

namespace assay::pipeline {
namespace {

const std::vector<std::string> kKeys = {"shape", "dtype", "role"};

TEST(Suggest, FindsMisspeltNames) {
  EXPECT_EQ(nearest("shpae", kKeys), "shape");   // neighbours swapped
  EXPECT_EQ(nearest("shap", kKeys), "shape");    // one missing
  EXPECT_EQ(nearest("dtypes", kKeys), "dtype");  // one too many
  EXPECT_EQ(nearest("rule", kKeys), "role");     // one wrong
}

TEST(Suggest, StaysSilentWhenNothingIsNear) {
  EXPECT_EQ(nearest("xyzzy", kKeys), "");
  EXPECT_EQ(suggestion("xyzzy", kKeys), "; known: shape, dtype, role");
  EXPECT_EQ(suggestion("shpae", kKeys), "; did you mean 'shape'?");
  EXPECT_EQ(suggestion("x", {}), "");
}

TEST(Suggest, ListsABoundedNumberOfNames) {
  const std::vector<std::string> many(100, "abcdefgh");
  const std::string text = suggestion("zzzzzzzzzzzz", many);
  EXPECT_EQ(std::count(text.begin(), text.end(), 'a'), 20);
  EXPECT_NE(text.find("..."), std::string::npos);
}

TEST(Suggest, OneEditOfALongNameIsAlwaysFound) {
  EXPECT_TRUE(rc::check("an edited name is found", [] {
    const std::string name = *rc::gen::container<std::string>(12, rc::gen::inRange('a', '{'));
    std::string edited = name;
    const auto at = *rc::gen::inRange<std::size_t>(0, name.size());
    switch (*rc::gen::inRange(0, 3)) {
      case 0:
        edited.erase(at, 1);
        break;
      case 1:
        edited.insert(at, "_");
        break;
      default:
        edited[at] = '_';
        break;
    }
    RC_ASSERT(nearest(edited, std::vector<std::string>{name, "________________________"}) == name);
  }));
}

}  // namespace
}  // namespace assay::pipeline
