#include "harness/run/filter.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <map>

namespace assay::run {
namespace {

bool matches(std::string_view text, std::map<std::string, std::string> values) {
  const auto filter = Filter::parse(text);
  EXPECT_TRUE(filter) << text;
  return filter && filter->matches([&](std::size_t i) -> std::string_view { return values[filter->keys()[i]]; });
}

TEST(Filter, AndBindsTighterThanOr) {
  EXPECT_TRUE(matches("a=1 || b=1 && c=1", {{"a", "1"}}));
  EXPECT_FALSE(matches("(a=1 || b=1) && c=1", {{"a", "1"}}));
  EXPECT_TRUE(matches("!a=1", {{"a", "2"}}));
  EXPECT_TRUE(matches("!!a=1", {{"a", "1"}}));
}

TEST(Filter, ValuesMayBeQuoted) {
  EXPECT_TRUE(matches("r=\"x && y\"", {{"r", "x && y"}}));
  EXPECT_TRUE(matches("r==x*", {{"r", "xyz"}}));
}

TEST(Filter, AbsentValuesMatchOnlyInequality) {
  EXPECT_FALSE(matches("a=*", {}));
  EXPECT_TRUE(matches("a!=1", {}));
  EXPECT_FALSE(matches("a<9", {}));
  EXPECT_FALSE(matches("a<9", {{"a", "word"}}));
}

TEST(Filter, NamesTheColumn) {
  EXPECT_EQ(Filter::parse("a=1 b=2").error().message,
            "--filter 'a=1 b=2', column 5: found 'b=2', expected the end, '&&' or '||'");
  for (const char* bad : {"", "a", "a=", "a<b", "(a=1", "a=1 &&", "=1", "a=\"x", "!"})
    EXPECT_FALSE(Filter::parse(bad)) << bad;
  EXPECT_FALSE(Filter::parse(std::string(5000, '(')));
  EXPECT_FALSE(Filter::parse(std::string(1000, '!') + "a=1"));
}

TEST(Filter, AnyTextGivesAFilterOrOneError) {
  EXPECT_TRUE(rc::check("random tokens", [] {
    const auto tokens = *rc::gen::container<std::vector<std::string>>(
        rc::gen::element<std::string>("a", "=", "<=", "!", "(", ")", "&&", "||", "|", "*", "\"", " ", "7"));
    const auto filter = Filter::parse(fmt::format("{}", fmt::join(tokens, "")));
    if (filter) filter->matches([](std::size_t) { return std::string_view("7"); });
  }));
}

// The definition: a star splits the text at every place.
bool glob_by_definition(std::string_view pattern, std::string_view text) {
  if (pattern.empty()) return text.empty();
  if (pattern[0] == '*')
    return glob_by_definition(pattern.substr(1), text) ||
           (!text.empty() && glob_by_definition(pattern, text.substr(1)));
  return !text.empty() && (pattern[0] == '?' || pattern[0] == text[0]) &&
         glob_by_definition(pattern.substr(1), text.substr(1));
}

TEST(Filter, GlobsFollowTheirDefinition) {
  EXPECT_TRUE(rc::check("against recursion", [] {
    const auto letters = [](auto gen, std::size_t limit) {
      return rc::gen::mapcat(rc::gen::inRange<std::size_t>(0, limit),
                             [=](std::size_t size) { return rc::gen::container<std::string>(size, gen); });
    };
    const auto pattern = *letters(rc::gen::element('a', 'b', '*', '?'), 10);
    const auto text = *letters(rc::gen::element('a', 'b'), 12);
    RC_ASSERT(glob_matches(pattern, text) == glob_by_definition(pattern, text));
  }));
}

}  // namespace
}  // namespace assay::run
