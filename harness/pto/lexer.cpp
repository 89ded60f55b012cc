#include "harness/pto/lexer.h"

#include <algorithm>

namespace assay::pto {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
bool is_word_part(char c) { return is_letter(c) || is_digit(c) || c == '.' || c == '$'; }
bool is_name_part(char c) { return is_word_part(c) || c == '-'; }

constexpr std::string_view kPunctuation = "(){}[]<>,:=!#?*+-|/";
constexpr std::int64_t kHugeExtent = std::int64_t{1} << 62;

}  // namespace

bool Lexer::skip_blanks() {
  while (position_ < text_.size()) {
    const char c = text_[position_];
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
      ++position_;
    } else if (c == '/' && text_.substr(position_, 2) == "//") {
      position_ = std::min(text_.find('\n', position_), text_.size());
    } else {
      return true;
    }
  }
  return false;
}

Token Lexer::token(TokenKind kind, std::size_t begin, std::size_t text_begin, std::size_t text_end) const {
  return {kind, text_.substr(text_begin, text_end - text_begin), begin, {}};
}

Token Lexer::invalid(std::size_t begin, std::string_view problem) {
  position_ = std::max(position_, begin + 1);
  return {TokenKind::invalid, text_.substr(begin, position_ - begin), begin, problem};
}

// SSA names may hold '-', but "%x->" ends before the arrow (pto-format 1.1).
std::size_t Lexer::scan_name(std::size_t from) const {
  while (from < text_.size() && is_name_part(text_[from]) && text_.substr(from, 2) != "->") ++from;
  return from;
}

Token Lexer::prefixed_name(TokenKind kind) {
  const std::size_t begin = position_++;
  if (kind == TokenKind::symbol && position_ < text_.size() && text_[position_] == '"') return quoted(kind, begin);
  const std::size_t name = position_;
  position_ = scan_name(name);
  if (position_ == name) return invalid(begin, "a name must follow");
  return token(kind, begin, name, position_);
}

Token Lexer::quoted(TokenKind kind, std::size_t begin) {
  const std::size_t content = ++position_;
  while (position_ < text_.size() && text_[position_] != '"' && text_[position_] != '\n')
    position_ += text_[position_] == '\\' && position_ + 1 < text_.size() ? 2 : 1;
  if (position_ >= text_.size() || text_[position_] != '"') {
    position_ = std::min(position_, text_.size());
    return {TokenKind::invalid, text_.substr(begin, 1), begin, "unterminated string"};
  }
  return token(kind, begin, content, position_++);
}

Token Lexer::number() {
  const std::size_t begin = position_;
  if (text_[position_] == '-') ++position_;
  if (text_.substr(position_, 2) == "0x" && position_ + 2 < text_.size() && is_hex(text_[position_ + 2])) {
    position_ += 2;
    while (position_ < text_.size() && is_hex(text_[position_])) ++position_;
    return token(TokenKind::integer, begin, begin, position_);
  }
  const auto digits = [&] {
    while (position_ < text_.size() && is_digit(text_[position_])) ++position_;
  };
  digits();
  if (position_ >= text_.size() || text_[position_] != '.') return token(TokenKind::integer, begin, begin, position_);
  ++position_;
  digits();
  std::size_t exponent = position_;
  if (exponent < text_.size() && (text_[exponent] == 'e' || text_[exponent] == 'E')) {
    ++exponent;
    if (exponent < text_.size() && (text_[exponent] == '+' || text_[exponent] == '-')) ++exponent;
    if (exponent < text_.size() && is_digit(text_[exponent])) {
      position_ = exponent;
      digits();
    }
  }
  return token(TokenKind::floating, begin, begin, position_);
}

Token Lexer::next() {
  if (!skip_blanks()) return {TokenKind::end, {}, text_.size(), {}};
  const std::size_t begin = position_;
  const char c = text_[begin];
  const char after = begin + 1 < text_.size() ? text_[begin + 1] : '\0';
  if (is_letter(c)) {
    while (position_ < text_.size() && is_word_part(text_[position_])) ++position_;
    return token(TokenKind::word, begin, begin, position_);
  }
  if (is_digit(c) || (c == '-' && is_digit(after))) return number();
  switch (c) {
    case '%':
      return prefixed_name(TokenKind::value);
    case '@':
      return prefixed_name(TokenKind::symbol);
    case '^':
      return prefixed_name(TokenKind::block);
    case '"':
      return quoted(TokenKind::text, begin);
    default:
      break;
  }
  if ((c == '-' && after == '>') || (c == ':' && after == ':')) {
    position_ += 2;
    return token(TokenKind::punctuation, begin, begin, position_);
  }
  if (kPunctuation.find(c) == std::string_view::npos) return invalid(begin, "unexpected byte");
  ++position_;
  return token(TokenKind::punctuation, begin, begin, position_);
}

bool Lexer::dimension(std::int64_t& extent) {
  std::size_t at = position_;
  if (at < text_.size() && text_[at] == '?') {
    extent = kDynamic;
    ++at;
  } else {
    extent = 0;
    for (; at < text_.size() && is_digit(text_[at]); ++at)
      extent = extent >= kHugeExtent / 10 ? kHugeExtent : extent * 10 + (text_[at] - '0');
    if (at == position_) return false;
  }
  if (at >= text_.size() || text_[at] != 'x') return false;
  position_ = at + 1;
  return true;
}

std::string excerpt(std::string_view text, std::size_t offset) {
  constexpr std::size_t kWidth = 160;
  offset = std::min(offset, text.size());
  const std::size_t newline = text.substr(0, offset).rfind('\n');
  std::size_t begin = newline == std::string_view::npos ? 0 : newline + 1;
  std::size_t end = std::min(text.find('\n', offset), text.size());
  if (offset - begin > kWidth / 2) begin = offset - kWidth / 2;
  end = std::min(end, begin + kWidth);
  std::string line(text.substr(begin, end - begin));
  std::string caret;
  for (std::size_t i = begin; i < offset; ++i) caret += text[i] == '\t' ? '\t' : ' ';
  for (char& c : line)
    if (c != '\t' && (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) > 0x7E)) c = '.';
  return line + "\n" + caret + "^";
}

std::string excerpt(std::string_view text, Location location) {
  if (location.line < 1) return {};
  std::size_t offset = 0;
  for (int line = 1; line < location.line; ++line) {
    offset = text.find('\n', offset);
    if (offset == std::string_view::npos) return {};
    ++offset;
  }
  return excerpt(text, offset + static_cast<std::size_t>(std::max(location.column - 1, 0)));
}

}  // namespace assay::pto
