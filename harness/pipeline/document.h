// A TOML document as a tree of nodes that know where they stand. Keeps the TOML library out of everything else, and
// bounds what a file may cost before the library sees it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "harness/core/error.h"

namespace assay::pipeline {

inline constexpr std::size_t kMaxDocumentBytes = 256 * 1024;
inline constexpr int kMaxDocumentNesting = 16;  // brackets and braces open at once
inline constexpr int kMaxDotsPerLine = 64;      // outside strings and comments: depth of dotted keys

struct Node {
  enum class Kind : std::uint8_t { table, array, string, integer, floating, boolean, date };
  Kind kind = Kind::table;
  std::string text;  // of a string
  std::int64_t integer = 0;
  double floating = 0;
  bool boolean = false;
  std::vector<Node> items;                            // of an array
  std::vector<std::pair<std::string, Node>> members;  // of a table, sorted by key
  int line = 0, column = 0;                           // from 1; of a table under a header: the header
  std::shared_ptr<const std::string> file;
  std::string source_line;

  const Node* find(std::string_view key) const;
};

std::string_view name(Node::Kind kind);  // "a string"

// Errors: over kMaxDocumentBytes, nested deeper than kMaxDocumentNesting, not TOML.
Result<Node> parse_document(std::string_view text, std::string_view file_name);

// Bad input at the node, with its source line and a caret.
tl::unexpected<Error> error_at(const Node& node, std::string message);

}  // namespace assay::pipeline
