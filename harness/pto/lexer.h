// Tokens of the textual .pto format (pto-format.md 1.1, lexing traps 1.1 last paragraph). On demand, without recursion;
// every token is a view into the text. Dimension lists (`32x?xf32`) are not tokens: the parser asks for them where a
// type may stand.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "harness/pto/ir.h"

namespace assay::pto {

enum class TokenKind : std::uint8_t {
  end,
  word,         // bare identifier, dots included: pto.tadd, valid_row
  value,        // %name, text without the %
  symbol,       // @name or @"name", text without @ and quotes
  block,        // ^bb0
  integer,      // 12, -3, 0xFF
  floating,     // 1.0, -2.5e-3
  text,         // "..." without the quotes, escapes as written
  punctuation,  // one of ( ) { } [ ] < > , : = ! # ? * + - | /  or "->" or "::"
  invalid,      // text is the offending bytes
};

struct Token {
  TokenKind kind = TokenKind::end;
  std::string_view text;
  std::size_t offset = 0;    // of the first byte, prefix included
  std::string_view problem;  // invalid: what is wrong
  bool is(char c) const { return kind == TokenKind::punctuation && text.size() == 1 && text[0] == c; }
  bool is(std::string_view s) const { return kind == TokenKind::punctuation && text == s; }
  bool is_word(std::string_view s) const { return kind == TokenKind::word && text == s; }
};

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  Token next();
  std::size_t position() const { return position_; }
  void seek(std::size_t position) { position_ = position; }
  std::string_view text() const { return text_; }

  // Past blanks and comments. False when the bytes there are the end of the text.
  bool skip_blanks();
  // One dimension with its separator ("16x", "?x") at the current position; false and no movement if there is none.
  // Values above 2^62 come out as 2^62.
  bool dimension(std::int64_t& extent);

 private:
  Token token(TokenKind kind, std::size_t begin, std::size_t text_begin, std::size_t text_end) const;
  Token invalid(std::size_t begin, std::string_view problem);
  Token number();
  Token quoted(TokenKind kind, std::size_t begin);
  Token prefixed_name(TokenKind kind);
  std::size_t scan_name(std::size_t from) const;

  std::string_view text_;
  std::size_t position_ = 0;
};

// The line holding the offset, and a line with a caret under it. Long lines are cut around the caret.
std::string excerpt(std::string_view text, std::size_t offset);
// The same for a line and column; empty when the text has no such line.
std::string excerpt(std::string_view text, Location location);

}  // namespace assay::pto
