#include "harness/core/expression.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <tao/pegtl.hpp>

namespace assay {
namespace {

constexpr std::size_t kMaxText = 4096;
constexpr int kMaxDepth = 64;
constexpr std::size_t kMaxStack = 512;

enum class Fault : std::uint8_t { none, overflow, division_by_zero };

struct Slot {
  std::int64_t value;
  Fault fault;
};

std::string_view describe(Fault fault) { return fault == Fault::overflow ? "overflows 64 bits" : "divides by zero"; }

}  // namespace

// Receives the parser's events and appends postfix steps; knows Expression's private representation.
struct ExpressionBuilder {
  using Kind = Expression::Step::Kind;

  Expression expression;
  std::vector<Kind> pending;  // operators and functions whose right operand is still being read
  int depth = 0;
  std::size_t stack = 0;      // operands on the evaluation stack here
  std::size_t max_stack = 0;  // its largest value
  std::string fault;          // set when an event refuses the text

  static constexpr std::array<std::pair<std::string_view, Kind>, 17> kWords{{
      {"+", Kind::add},
      {"-", Kind::subtract},
      {"*", Kind::multiply},
      {"/", Kind::divide},
      {"%", Kind::remainder},
      {"<", Kind::less},
      {"<=", Kind::less_equal},
      {">", Kind::greater},
      {">=", Kind::greater_equal},
      {"==", Kind::equal},
      {"!=", Kind::not_equal},
      {"&&", Kind::logical_and},
      {"||", Kind::logical_or},
      {"!", Kind::logical_not},
      {"min", Kind::minimum},
      {"max", Kind::maximum},
      {"ceildiv", Kind::ceildiv},
  }};

  static Kind kind_of(std::string_view word) {
    return std::find_if(kWords.begin(), kWords.end(), [&](const auto& row) { return row.first == word; })->second;
  }

  void push(Kind kind, std::int64_t operand) {
    expression.steps_.push_back({kind, operand});
    max_stack = std::max(max_stack, ++stack);
  }

  bool constant(std::string_view digits) {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc{}) return refuse(fmt::format("the number {} does not fit in 64 bits", digits));
    push(Kind::constant, value);
    return true;
  }

  void name(std::string_view text) {
    auto& names = expression.names_;
    const auto found = std::find(names.begin(), names.end(), text);
    const auto index = found - names.begin();
    if (found == names.end()) names.emplace_back(text);
    push(Kind::name, index);
  }

  void begin(Kind kind) { pending.push_back(kind); }

  void end() {
    const Kind kind = pending.back();
    pending.pop_back();
    expression.steps_.push_back({kind, 0});
    if (kind != Kind::negate && kind != Kind::logical_not) --stack;
  }

  bool refuse(std::string message) {
    fault = std::move(message);
    return false;
  }

  static Slot apply(Kind kind, Slot a, Slot b);
  static Slot compute(Kind kind, std::int64_t a, std::int64_t b);
  static Result<std::int64_t> evaluate(const Expression& expression, std::span<const std::int64_t> values);
};

namespace {
namespace grammar {
using namespace tao::pegtl;  // NOLINT: the grammar reads as one only with its words at hand

struct logical_or;
struct blanks : star<sor<one<' '>, one<'\t'>>> {};
template <class Rule>
struct token : seq<Rule, blanks> {};

// Counts nesting so that no text can exhaust the call stack.
struct enter {
  using rule_t = enter;
  using subs_t = empty_list;
  template <apply_mode, rewind_mode, template <class...> class, template <class...> class, class Input>
  static bool match(Input& in, ExpressionBuilder& builder) {
    if (++builder.depth <= kMaxDepth) return true;
    throw parse_error(fmt::format("nested deeper than {} levels", kMaxDepth), in);
  }
};
struct leave {
  using rule_t = leave;
  using subs_t = empty_list;
  template <apply_mode, rewind_mode, template <class...> class, template <class...> class, class Input>
  static bool match(Input&, ExpressionBuilder& builder) {
    --builder.depth;
    return true;
  }
};

struct digits : plus<digit> {};
struct number : seq<digits, not_at<identifier_other>> {};
struct symbol : identifier {};
struct function_name : sor<TAO_PEGTL_STRING("min"), TAO_PEGTL_STRING("max"), TAO_PEGTL_STRING("ceildiv")> {};
struct opening : one<'('> {};
struct closing : one<')'> {};
struct comma : one<','> {};
struct operand;
struct call_end : success {};
struct function_start : seq<function_name, not_at<identifier_other>, blanks, at<opening>> {};
struct call : if_must<function_start, token<opening>, enter, logical_or, token<comma>, logical_or, leave,
                      token<closing>, call_end> {};
struct group : if_must<token<opening>, enter, logical_or, leave, token<closing>> {};
struct primary : sor<token<number>, call, token<symbol>, group> {};
struct minus_sign : one<'-'> {};
struct bang : seq<one<'!'>, not_at<one<'='>>> {};
struct unary_end : success {};
struct negation : if_must<token<minus_sign>, enter, operand, leave, unary_end> {};
struct inversion : if_must<token<bang>, enter, operand, leave, unary_end> {};
struct operand : sor<negation, inversion, primary> {};

struct multiplicative_sign : one<'*', '/', '%'> {};
struct additive_sign : one<'+', '-'> {};
struct relation_sign
    : sor<TAO_PEGTL_STRING("<="), TAO_PEGTL_STRING(">="), TAO_PEGTL_STRING("<"), TAO_PEGTL_STRING(">")> {};
struct equality_sign : sor<TAO_PEGTL_STRING("=="), TAO_PEGTL_STRING("!=")> {};
struct and_sign : TAO_PEGTL_STRING("&&") {};
struct or_sign : TAO_PEGTL_STRING("||") {};
struct binary_end : success {};
// Left associative: operand (sign operand)*.
template <class Sign, class Next>
struct level : seq<Next, star<if_must<token<Sign>, Next, binary_end>>> {};
struct product : level<multiplicative_sign, operand> {};
struct sum : level<additive_sign, product> {};
struct relation : level<relation_sign, sum> {};
struct equality : level<equality_sign, relation> {};
struct logical_and : level<and_sign, equality> {};
struct logical_or : level<or_sign, logical_and> {};
struct text : must<blanks, logical_or, eof> {};

template <class Rule>
struct action : nothing<Rule> {};
template <>
struct action<number> {
  template <class Input>
  static void apply(const Input& in, ExpressionBuilder& builder) {
    if (!builder.constant(in.string_view())) throw parse_error(builder.fault, in);
  }
};
template <>
struct action<symbol> {
  template <class Input>
  static void apply(const Input& in, ExpressionBuilder& builder) {
    builder.name(in.string_view());
  }
};
struct begins_word {
  template <class Input>
  static void apply(const Input& in, ExpressionBuilder& builder) {
    builder.begin(ExpressionBuilder::kind_of(in.string_view()));
  }
};
struct ends_word {
  static void apply0(ExpressionBuilder& builder) { builder.end(); }
};
template <>
struct action<function_start> {
  template <class Input>
  static void apply(const Input& in, ExpressionBuilder& builder) {
    const std::string_view word = in.string_view();
    builder.begin(ExpressionBuilder::kind_of(word.substr(0, word.find_first_of(" \t"))));
  }
};
template <>
struct action<minus_sign> {
  static void apply0(ExpressionBuilder& builder) { builder.begin(ExpressionBuilder::Kind::negate); }
};
// clang-format off
template <> struct action<bang> : begins_word {};
template <> struct action<multiplicative_sign> : begins_word {};
template <> struct action<additive_sign> : begins_word {};
template <> struct action<relation_sign> : begins_word {};
template <> struct action<equality_sign> : begins_word {};
template <> struct action<and_sign> : begins_word {};
template <> struct action<or_sign> : begins_word {};
template <> struct action<call_end> : ends_word {};
template <> struct action<unary_end> : ends_word {};
template <> struct action<binary_end> : ends_word {};
// clang-format on
}  // namespace grammar

tl::unexpected<Error> refuse(std::string_view text, std::size_t column, std::string_view what) {
  Error error{ErrorKind::bad_input, fmt::format("expression, column {}: {}", column, what), {}, {}};
  error.excerpt = fmt::format("{}\n{:>{}}", text, '^', column);
  return tl::unexpected(std::move(error));
}

std::string found_at(std::string_view text, std::size_t column) {
  if (column > text.size()) return "the text ends here, an operand was expected";
  return fmt::format("found '{}', expected an operand, an operator or a closing parenthesis",
                     text.substr(column - 1, 12));
}

}  // namespace

Result<Expression> Expression::parse(std::string_view text) {
  if (text.size() > kMaxText) return bad_input("expression of {} bytes, expected at most {}", text.size(), kMaxText);
  ExpressionBuilder builder;
  try {
    tao::pegtl::memory_input input(text.data(), text.size(), "expression");
    tao::pegtl::parse<grammar::text, grammar::action>(input, builder);
  } catch (const tao::pegtl::parse_error& error) {
    const std::size_t column = error.positions().front().column;
    const std::string_view message = error.message();
    const bool own = !builder.fault.empty() || message.starts_with("nested");
    return refuse(text, column, own ? std::string(message) : found_at(text, column));
  }
  if (builder.max_stack > kMaxStack) return refuse(text, 1, fmt::format("needs more than {} operands", kMaxStack));
  builder.expression.text_ = text;
  return std::move(builder.expression);
}

Slot ExpressionBuilder::compute(Kind kind, std::int64_t a, std::int64_t b) {
  Slot r{0, Fault::none};
  bool overflow = false;
  const auto divides = [&] {
    if (b == 0) r.fault = Fault::division_by_zero;
    // C leaves the quotient of the least integer by -1 undefined.
    if (b == -1) overflow = __builtin_sub_overflow(std::int64_t{0}, a, &r.value);
    return b != 0 && b != -1;
  };
  switch (kind) {
    case Kind::add:
      overflow = __builtin_add_overflow(a, b, &r.value);
      break;
    case Kind::subtract:
      overflow = __builtin_sub_overflow(a, b, &r.value);
      break;
    case Kind::multiply:
      overflow = __builtin_mul_overflow(a, b, &r.value);
      break;
    case Kind::divide:
      if (divides()) r.value = a / b;
      break;
    case Kind::ceildiv:
      if (divides()) r.value = a / b + ((a % b != 0 && (a < 0) == (b < 0)) ? 1 : 0);
      break;
    case Kind::remainder:
      if (b == 0) return {0, Fault::division_by_zero};
      r.value = b == -1 ? 0 : a % b;
      break;
    case Kind::less:
      r.value = a < b;
      break;
    case Kind::less_equal:
      r.value = a <= b;
      break;
    case Kind::greater:
      r.value = a > b;
      break;
    case Kind::greater_equal:
      r.value = a >= b;
      break;
    case Kind::equal:
      r.value = a == b;
      break;
    case Kind::not_equal:
      r.value = a != b;
      break;
    case Kind::minimum:
      r.value = std::min(a, b);
      break;
    case Kind::maximum:
      r.value = std::max(a, b);
      break;
    default:
      break;  // operands, unary and logical steps do not come here
  }
  if (overflow) r.fault = Fault::overflow;
  return r;
}

// A fault on the right of && and || counts only when the left does not decide.
Slot ExpressionBuilder::apply(Kind kind, Slot a, Slot b) {
  if (a.fault != Fault::none) return a;
  if (kind == Kind::logical_and && a.value == 0) return {0, Fault::none};
  if (kind == Kind::logical_or && a.value != 0) return {1, Fault::none};
  if (b.fault != Fault::none) return b;
  if (kind == Kind::logical_and || kind == Kind::logical_or) return {b.value != 0, Fault::none};
  return compute(kind, a.value, b.value);
}

Result<std::int64_t> ExpressionBuilder::evaluate(const Expression& expression, std::span<const std::int64_t> values) {
  std::array<Slot, kMaxStack> stack;  // NOLINT: left uninitialised on purpose, slots are written before they are read
  std::size_t top = 0;
  for (const Expression::Step& step : expression.steps_) {
    switch (step.kind) {
      case Kind::constant:
        stack[top++] = {step.operand, Fault::none};
        break;
      case Kind::name:
        stack[top++] = {values[static_cast<std::size_t>(step.operand)], Fault::none};
        break;
      case Kind::negate:
        if (stack[top - 1].fault == Fault::none) stack[top - 1] = compute(Kind::subtract, 0, stack[top - 1].value);
        break;
      case Kind::logical_not:
        stack[top - 1].value = stack[top - 1].value == 0;
        break;
      default:
        stack[top - 2] = apply(step.kind, stack[top - 2], stack[top - 1]);
        --top;
    }
  }
  if (stack[0].fault == Fault::none) return stack[0].value;
  return bad_input("'{}' {}", expression.text_, describe(stack[0].fault));
}

Result<std::int64_t> Expression::evaluate(std::span<const std::int64_t> values) const {
  if (values.size() != names_.size())
    return internal_error("'{}' has {} names, {} values were given", text_, names_.size(), values.size());
  if (steps_.empty()) return internal_error("an empty expression was evaluated");
  return ExpressionBuilder::evaluate(*this, values);
}

Result<std::int64_t> Expression::evaluate(const Lookup& lookup) const {
  std::vector<std::int64_t> values;
  for (const std::string& name : names_) {
    const std::int64_t* value = lookup(name);
    if (value == nullptr) return bad_input("'{}': unknown name '{}'", text_, name);
    values.push_back(*value);
  }
  return evaluate(values);
}

}  // namespace assay
