#include "harness/run/sqlite.h"

#include <sqlite3.h>

namespace assay::run {
namespace {

Error error_of(sqlite3* database, int code) {
  const int primary = code & 0xff;
  const bool bad_file =
      primary == SQLITE_NOTADB || primary == SQLITE_CORRUPT || primary == SQLITE_CANTOPEN || primary == SQLITE_FORMAT;
  const char* file = sqlite3_db_filename(database, "main");
  return Error{bad_file ? ErrorKind::bad_input : ErrorKind::internal,
               fmt::format("{}: {}", file && *file ? file : "database", sqlite3_errmsg(database)),
               {},
               {}};
}

}  // namespace

void Statement::Finalizer::operator()(sqlite3_stmt* handle) const { sqlite3_finalize(handle); }
void Database::Closer::operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }

Statement::Statement(sqlite3_stmt* handle, sqlite3* database) : handle_(handle), database_(database) {}

void Statement::bind(int parameter, std::int64_t value) { sqlite3_bind_int64(handle_.get(), parameter, value); }

void Statement::bind(int parameter, std::string_view value) {
  sqlite3_bind_text64(handle_.get(), parameter, value.data(), value.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
}

Result<bool> Statement::step() {
  const int code = sqlite3_step(handle_.get());
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) {
    Error error = error_of(database_, code);
    sqlite3_reset(handle_.get());
    return tl::unexpected(std::move(error));
  }
  sqlite3_reset(handle_.get());
  return false;
}

void Statement::reset() { sqlite3_reset(handle_.get()); }

std::int64_t Statement::integer(int column) const { return sqlite3_column_int64(handle_.get(), column); }

std::string Statement::text(int column) const {
  const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(handle_.get(), column));
  if (!bytes) return {};
  return {bytes, static_cast<std::size_t>(sqlite3_column_bytes(handle_.get(), column))};
}

Result<Database> Database::open(const std::filesystem::path& file, Access access) {
  const int flags = access == Access::read    ? SQLITE_OPEN_READONLY
                    : access == Access::write ? SQLITE_OPEN_READWRITE
                                              : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(file.c_str(), &handle, flags, nullptr);
  Database database(handle);
  if (!handle) return internal_error("{}: out of memory", file.string());
  if (code != SQLITE_OK) return bad_input("{}: {}", file.string(), sqlite3_errmsg(handle));
  // A foreign file may hold triggers and views; none of them shall run.
  sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, nullptr);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_ENABLE_VIEW, 0, nullptr);
  sqlite3_busy_timeout(handle, 5000);
  return database;
}

Result<void> Database::execute(const std::string& sql) {
  const int code = sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return tl::unexpected(error_of(handle_.get(), code));
  return {};
}

Result<Statement> Database::prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v2(handle_.get(), sql.data(), static_cast<int>(sql.size()), &statement, nullptr);
  if (code != SQLITE_OK) return tl::unexpected(error_of(handle_.get(), code));
  return Statement(statement, handle_.get());
}

Result<std::int64_t> Database::integer(std::string_view sql) {
  auto statement = prepare(sql);
  if (!statement) return tl::unexpected(statement.error());
  auto row = statement->step();
  if (!row) return tl::unexpected(row.error());
  if (!*row) return internal_error("'{}' gave no row", sql);
  return statement->integer(0);
}

}  // namespace assay::run
