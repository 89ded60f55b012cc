// SQLite with errors as values: a connection, and statements that bind and read 64-bit integers and text.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "harness/core/error.h"

struct sqlite3;
struct sqlite3_stmt;

namespace assay::run {

class Statement {
 public:
  Statement(sqlite3_stmt* handle, sqlite3* database);

  // Parameters count from 1, columns from 0.
  void bind(int parameter, std::int64_t value);
  void bind(int parameter, std::string_view value);  // copied
  // True: a row is there to read. False: finished; the statement is reset. Error: kind bad_input when the file is no
  // database or is corrupt, internal otherwise.
  Result<bool> step();
  void reset();
  std::int64_t integer(int column) const;
  std::string text(int column) const;

 private:
  struct Finalizer {
    void operator()(sqlite3_stmt* handle) const;
  };
  std::unique_ptr<sqlite3_stmt, Finalizer> handle_;
  sqlite3* database_;
};

class Database {
 public:
  enum class Access { read, write, create };
  // `read` never changes the file, `write` expects it to exist.
  static Result<Database> open(const std::filesystem::path& file, Access access);

  // One or more statements without parameters.
  Result<void> execute(const std::string& sql);
  Result<Statement> prepare(std::string_view sql);
  // A pragma or query with one integer as its result.
  Result<std::int64_t> integer(std::string_view sql);

 private:
  struct Closer {
    void operator()(sqlite3* handle) const;
  };
  explicit Database(sqlite3* handle) : handle_(handle) {}
  std::unique_ptr<sqlite3, Closer> handle_;
};

}  // namespace assay::run
