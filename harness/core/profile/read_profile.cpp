// Reads a machine profile from TOML. Every key is checked, unknown ones are refused.
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <sstream>
#include <toml.hpp>

#include "harness/core/profile/profile.h"

namespace assay {
namespace {

constexpr std::size_t kMaxText = 1 << 20;

using Value = toml::value;

Error fault(const Value& value, std::string_view file, std::string message) {
  const auto location = value.location();
  return {ErrorKind::bad_input, std::move(message),
          TextPosition{std::string(file), static_cast<int>(location.line()), static_cast<int>(location.column())},
          location.line_str()};
}

// Thrown inside this file only, and caught by parse_profile: a table walk with a Result at every step hides the walk.
struct Refused {
  Error error;
};

class Reader {
 public:
  explicit Reader(std::string_view file) : file_(file) {}

  [[noreturn]] void refuse(const Value& value, std::string message) const {
    throw Refused{fault(value, file_, std::move(message))};
  }

  void only(const Value& table, std::initializer_list<std::string_view> known) const {
    if (!table.is_table()) refuse(table, "expected a table");
    for (const auto& [key, value] : table.as_table())
      if (std::find(known.begin(), known.end(), key) == known.end())
        refuse(value, fmt::format("unknown key '{}', expected one of {}", key, fmt::join(known, ", ")));
  }

  const Value* find(const Value& table, const std::string& key) const {
    const auto& entries = table.as_table();
    const auto found = entries.find(key);
    return found == entries.end() ? nullptr : &found->second;
  }

  const Value& need(const Value& table, const std::string& key) const {
    const Value* value = find(table, key);
    if (value == nullptr) refuse(table, fmt::format("the key '{}' is missing", key));
    return *value;
  }

  std::string word(const Value& value) const {
    if (!value.is_string()) refuse(value, "expected a string");
    return value.as_string().str;
  }

  std::int64_t integer(const Value& value) const {
    if (!value.is_integer()) refuse(value, "expected an integer");
    if (value.as_integer() < 0) refuse(value, fmt::format("{} is negative", value.as_integer()));
    return value.as_integer();
  }

  bool boolean(const Value& value) const {
    if (!value.is_boolean()) refuse(value, "expected true or false");
    return value.as_boolean();
  }

  // One of the words, as the enumerator at the same position.
  template <class Enum>
  Enum choice(const Value& value, std::initializer_list<std::string_view> words) const {
    const std::string text = word(value);
    const auto found = std::find(words.begin(), words.end(), text);
    if (found == words.end())
      refuse(value, fmt::format("found '{}', expected one of {}", text, fmt::join(words, ", ")));
    return static_cast<Enum>(found - words.begin());
  }

  DType dtype(const Value& value) const {
    const auto parsed = parse_dtype(word(value));
    if (!parsed) refuse(value, fmt::format("unknown dtype '{}'", word(value)));
    return *parsed;
  }

  Rounding rounding(const Value& value) const {
    const auto parsed = parse_rounding(word(value));
    if (!parsed) refuse(value, fmt::format("unknown rounding mode '{}'", word(value)));
    return *parsed;
  }

 private:
  std::string_view file_;
};

void read_spaces(const Reader& reader, const Value& table, Profile& profile) {
  reader.only(table, {"vec", "mat", "left", "right", "acc", "bias", "scaling", "scale_left", "scale_right"});
  for (const auto& [name, value] : table.as_table()) {
    reader.only(value, {"bytes", "alignment"});
    MemorySpace space;
    space.bytes = reader.integer(reader.need(value, "bytes"));
    space.alignment = reader.integer(reader.need(value, "alignment"));
    if (space.alignment == 0 || (space.alignment & (space.alignment - 1)) != 0)
      reader.refuse(value, fmt::format("alignment {} is not a power of two", space.alignment));
    profile.spaces.emplace(name, space);
  }
}

void read_scratch(const Reader& reader, const Value& table, Profile& profile) {
  reader.only(table, {"begin", "end"});
  profile.scratch_begin = reader.integer(reader.need(table, "begin"));
  profile.scratch_end = reader.integer(reader.need(table, "end"));
  if (profile.scratch_end < profile.scratch_begin) reader.refuse(table, "the scratch window ends before it begins");
}

// A number that counts something the machine has: none at all is a mistake of the file.
std::int64_t count(const Reader& reader, const Value& value, std::int64_t most) {
  const std::int64_t number = reader.integer(value);
  if (number < 1 || number > most) reader.refuse(value, fmt::format("{} is not between 1 and {}", number, most));
  return number;
}

// Strings of an array, each once.
template <class Check>
std::vector<std::string> words(const Reader& reader, const Value& value, const Check& check) {
  if (!value.is_array()) reader.refuse(value, "expected an array");
  std::vector<std::string> list;
  for (const Value& element : value.as_array()) {
    std::string word = reader.word(element);
    check(element, word);
    if (std::find(list.begin(), list.end(), word) != list.end())
      reader.refuse(element, fmt::format("'{}' is listed twice", word));
    list.push_back(std::move(word));
  }
  return list;
}

void read_pipes(const Reader& reader, const Value& table, Profile& profile) {
  reader.only(table, {"overlapping"});
  constexpr std::array<std::string_view, 6> kPipes{"v", "m", "mte1", "mte2", "mte3", "fix"};
  profile.overlapping_pipes =
      words(reader, reader.need(table, "overlapping"), [&](const Value& value, const std::string& word) {
        if (std::find(kPipes.begin(), kPipes.end(), word) == kPipes.end())
          reader.refuse(value, fmt::format("'{}' is no pipe with a queue, expected one of {}", word,
                                           fmt::join(kPipes, ", ")));
      });
}

void read_events(const Reader& reader, const Value& table, Profile& profile) {
  reader.only(table, {"ids"});
  profile.event_ids = count(reader, reader.need(table, "ids"), 64);
}

void read_cache(const Reader& reader, const Value& table, Profile& profile) {
  reader.only(table, {"line"});
  const Value& line = reader.need(table, "line");
  profile.cache_line_bytes = count(reader, line, 4096);
  if (profile.cache_line_bytes < 8 || (profile.cache_line_bytes & (profile.cache_line_bytes - 1)) != 0)
    reader.refuse(line, fmt::format("a line of {} bytes, expected a power of two from 8", profile.cache_line_bytes));
}

void read_cores(const Reader& reader, const Value& table, Profile& profile) {
  reader.only(table, {"vector"});
  profile.vector_cores = count(reader, reader.need(table, "vector"), 8);
}

// Names as in the text, without "pto."; which names exist is not known here.
void read_instructions(const Reader& reader, const Value& table, Profile& profile) {
  reader.only(table, {"absent"});
  profile.absent_ops = words(reader, reader.need(table, "absent"), [&](const Value& value, const std::string& word) {
    const bool plain = std::all_of(word.begin(), word.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
    });
    if (word.empty() || !plain || word.starts_with("pto."))
      reader.refuse(value, fmt::format("'{}' is no operation, expected a name such as \"tinterleave\"", word));
  });
}

void read_numerics(const Reader& reader, const Value& table, Profile& profile) {
  reader.only(table, {"contraction", "flush_subnormals", "sum_order", "sum_chunk", "float_pad_is_infinite"});
  profile.contraction = reader.choice<Contraction>(reader.need(table, "contraction"), {"off", "allowed"});
  profile.flush_subnormals = reader.boolean(reader.need(table, "flush_subnormals"));
  profile.sum_order = reader.choice<SumOrder>(reader.need(table, "sum_order"), {"sequential", "chunked", "any"});
  profile.sum_chunk = reader.integer(reader.need(table, "sum_chunk"));
  if (profile.sum_order == SumOrder::chunked && profile.sum_chunk == 0)
    reader.refuse(table, "sum_order is chunked, but sum_chunk is 0");
  profile.float_pad_is_infinite = reader.boolean(reader.need(table, "float_pad_is_infinite"));
}

void read_ulp(const Reader& reader, const Value& table, Profile& profile) {
  reader.only(table, {"exp", "log", "sqrt", "rsqrt", "recip", "div", "pow"});
  for (const std::string name : {"exp", "log", "sqrt", "rsqrt", "recip", "div", "pow"}) {
    if (name == "pow" && !table.contains(name)) continue;  // profiles without it say nothing of powers
    const Value& value = reader.need(table, name);
    if (!value.is_floating()) reader.refuse(value, "expected a number with a decimal point");
    const double bound = value.as_floating();
    if (!(bound >= 0 && bound <= 1e6)) reader.refuse(value, fmt::format("{} is not between 0 and 1e6 ulp", bound));
    profile.ulp.emplace(name, bound);
  }
}

void read_evidence(const Reader& reader, const Value& table, Profile& profile) {
  reader.only(table, {"spaces", "scratch", "contraction", "flush_subnormals", "sum_order", "sum_chunk", "ulp",
                      "float_pad_is_infinite", "conversions", "overlapping_pipes", "event_ids", "cache_line_bytes",
                      "vector_cores", "absent_ops"});
  for (const auto& [key, value] : table.as_table())
    profile.evidence.emplace(key, reader.choice<Evidence>(value, {"assumed", "published", "measured"}));
}

void read_conversion(const Reader& reader, const Value& table, Profile& profile) {
  reader.only(table, {"from", "to", "modes", "none", "saturate", "off_ignored"});
  Profile::ConversionRow row{};
  row.source = reader.dtype(reader.need(table, "from"));
  row.none_means = reader.rounding(reader.need(table, "none"));
  row.saturate_by_default = reader.boolean(reader.need(table, "saturate"));
  row.off_ignored = reader.boolean(reader.need(table, "off_ignored"));
  const Value& modes = reader.need(table, "modes");
  const Value& destinations = reader.need(table, "to");
  if (!modes.is_array() || !destinations.is_array()) reader.refuse(table, "'modes' and 'to' are arrays");
  for (const Value& mode : modes.as_array()) row.modes.emplace_back(name(reader.rounding(mode)));
  for (const Value& destination : destinations.as_array()) {
    row.destination = reader.dtype(destination);
    if (std::any_of(profile.conversions.begin(), profile.conversions.end(), [&](const auto& other) {
          return other.source == row.source && other.destination == row.destination;
        }))
      reader.refuse(destination, fmt::format("{} to {} is listed twice", name(row.source), name(row.destination)));
    profile.conversions.push_back(row);
  }
}

// A default saturation of the conversion from f32 says the same as the rule of stores; both must say it alike.
void check_agreement(const Reader& reader, const Value& value, const Profile& profile,
                     const Profile::NarrowingRow& narrowing) {
  for (const Profile::ConversionRow& row : profile.conversions)
    if (row.source == DType::f32 && row.destination == narrowing.destination &&
        saturating(row.saturate_by_default).overflow != narrowing.rules.overflow)
      reader.refuse(value,
                    fmt::format("the overflow of {} contradicts the conversion from f32, which {} by default",
                                name(row.destination), row.saturate_by_default ? "saturates" : "does not saturate"));
}

void read_narrowing(const Reader& reader, const Value& table, Profile& profile) {
  reader.only(table, {"to", "overflow", "nan", "negative_zero", "evidence"});
  Profile::NarrowingRow row{};
  row.rules.overflow = reader.choice<Overflow>(reader.need(table, "overflow"), {"NONSAT", "SATFINITE", "SATALL"});
  row.rules.nan = reader.choice<NanResult>(reader.need(table, "nan"), {"signed", "positive", "maximum", "zero"});
  row.rules.negative_zero = reader.boolean(reader.need(table, "negative_zero"));
  row.evidence = reader.choice<Evidence>(reader.need(table, "evidence"), {"assumed", "published", "measured"});
  const Value& destinations = reader.need(table, "to");
  if (!destinations.is_array()) reader.refuse(table, "'to' is an array");
  for (const Value& destination : destinations.as_array()) {
    row.destination = reader.dtype(destination);
    if (!info(row.destination).is_float || row.destination == DType::f32)
      reader.refuse(destination, fmt::format("{} is no floating-point format to narrow to", name(row.destination)));
    const bool has_nan = row.destination != DType::e2m1;
    if (!has_nan && row.rules.overflow != Overflow::satall)
      reader.refuse(destination, "e2m1 has neither infinity nor NaN: its overflow is SATALL");
    if (!has_nan && (row.rules.nan == NanResult::signed_nan || row.rules.nan == NanResult::positive_nan))
      reader.refuse(destination, "e2m1 has no NaN: expected nan = \"maximum\" or \"zero\"");
    if (std::ranges::count(profile.narrowings, row.destination, &Profile::NarrowingRow::destination))
      reader.refuse(destination, fmt::format("narrowing to {} is listed twice", name(row.destination)));
    check_agreement(reader, destination, profile, row);
    profile.narrowings.push_back(row);
  }
}

Profile read(const Reader& reader, const Value& root) {
  reader.only(root, {"name", "spaces", "scratch", "numerics", "ulp", "evidence", "conversions", "narrowing",
                     "pipes", "events", "cache", "cores", "instructions"});
  Profile profile;
  profile.name = reader.word(reader.need(root, "name"));
  read_spaces(reader, reader.need(root, "spaces"), profile);
  if (const Value* scratch = reader.find(root, "scratch")) read_scratch(reader, *scratch, profile);
  if (const Value* pipes = reader.find(root, "pipes")) read_pipes(reader, *pipes, profile);
  if (const Value* events = reader.find(root, "events")) read_events(reader, *events, profile);
  if (const Value* cache = reader.find(root, "cache")) read_cache(reader, *cache, profile);
  if (const Value* cores = reader.find(root, "cores")) read_cores(reader, *cores, profile);
  if (const Value* instructions = reader.find(root, "instructions")) read_instructions(reader, *instructions, profile);
  read_numerics(reader, reader.need(root, "numerics"), profile);
  read_ulp(reader, reader.need(root, "ulp"), profile);
  if (const Value* evidence = reader.find(root, "evidence")) read_evidence(reader, *evidence, profile);
  const Value& conversions = reader.need(root, "conversions");
  if (!conversions.is_array()) reader.refuse(conversions, "'conversions' is an array of tables");
  for (const Value& table : conversions.as_array()) read_conversion(reader, table, profile);
  if (const Value* narrowing = reader.find(root, "narrowing")) {
    if (!narrowing->is_array()) reader.refuse(*narrowing, "'narrowing' is an array of tables");
    for (const Value& table : narrowing->as_array()) read_narrowing(reader, table, profile);
  }
  return profile;
}

}  // namespace

Result<Profile> parse_profile(std::string_view text, std::string_view file_name) {
  if (text.size() > kMaxText)
    return bad_input("{}: a profile of {} bytes, expected at most {}", file_name, text.size(), kMaxText);
  try {
    std::istringstream stream{std::string(text)};
    return read(Reader(file_name), toml::parse(stream, std::string(file_name)));
  } catch (const Refused& refused) {
    return tl::unexpected(refused.error);
  } catch (const std::exception& error) {  // toml11's syntax errors; their text carries line and caret
    return bad_input_at({std::string(file_name), 0, 0}, "{}", error.what());
  }
}

}  // namespace assay
