#include "harness/run/store.h"

#include <nlohmann/json.hpp>

#include "harness/run/protocol.h"

namespace assay::run {
namespace {

constexpr std::int64_t kApplication = 0x61737361;  // "assa" in the file header: pragma application_id
constexpr std::int64_t kFormat = 1;                // pragma user_version

constexpr const char* kSchema = R"(
  CREATE TABLE fingerprint(key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
  CREATE TABLE facts(key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
  CREATE TABLE results(
    id INTEGER PRIMARY KEY, row INTEGER NOT NULL, ordinal INTEGER NOT NULL, repetition INTEGER NOT NULL,
    finished TEXT NOT NULL, error TEXT NOT NULL, result TEXT NOT NULL) STRICT;
)";

std::string_view error_word(const std::optional<ErrorKind>& error) { return error ? name(*error) : ""; }

}  // namespace

Result<Store> Store::open(const std::filesystem::path& file, Database::Access access) {
  auto database = Database::open(file, access);
  if (!database) return tl::unexpected(database.error());
  auto application = database->integer("PRAGMA application_id");
  if (!application) return tl::unexpected(application.error());
  if (*application != kApplication) return bad_input("{}: is not a store of assay", file.string());
  auto format = database->integer("PRAGMA user_version");
  if (!format) return tl::unexpected(format.error());
  if (*format != kFormat)
    return bad_input("{}: has store format {}, this version reads format {}", file.string(), *format, kFormat);
  // Statements against a damaged schema fail here and not half-way through a sweep.
  auto damage = database->prepare("PRAGMA quick_check(1)");
  if (!damage) return tl::unexpected(damage.error());
  auto row = damage->step();
  if (!row) return tl::unexpected(row.error());
  if (!*row || damage->text(0) != "ok") return bad_input("{}: is corrupt: {}", file.string(), damage->text(0));
  Store store(file, std::move(*database));
  for (const char* sql : {"SELECT key, value FROM fingerprint", "SELECT key, value FROM facts",
                          "SELECT id, row, ordinal, repetition, finished, error, result FROM results"})
    if (auto statement = store.database_.prepare(sql); !statement)
      return bad_input("{}: is not a store of assay: {}", file.string(), statement.error().message);
  return store;
}

Result<Store> Store::create(const std::filesystem::path& file, const StoreFacts& fingerprint) {
  std::error_code error;
  if (std::filesystem::exists(file, error)) return bad_input("{}: exists already", file.string());
  auto database = Database::open(file, Database::Access::create);
  if (!database) return tl::unexpected(database.error());
  const std::string header = fmt::format(
      "PRAGMA application_id={}; PRAGMA user_version={}; PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
      kApplication, kFormat);
  if (auto done = database->execute(header + kSchema); !done) return tl::unexpected(done.error());
  Store store(file, std::move(*database));
  if (auto done = store.put_table("fingerprint", fingerprint); !done) return tl::unexpected(done.error());
  return store;
}

Result<Store> Store::resume(const std::filesystem::path& file, const StoreFacts& fingerprint) {
  auto store = open(file, Database::Access::write);
  if (!store) return store;
  if (auto done = store->check_fingerprint(fingerprint); !done) return tl::unexpected(done.error());
  if (auto done = store->database_.execute("PRAGMA synchronous=NORMAL"); !done) return tl::unexpected(done.error());
  return store;
}

Result<Store> Store::read(const std::filesystem::path& file) {
  std::error_code error;
  if (!std::filesystem::exists(file, error)) return bad_input("{}: no such file", file.string());
  return open(file, Database::Access::read);
}

Result<void> Store::check_fingerprint(const StoreFacts& fingerprint) {
  auto stored = table("fingerprint");
  if (!stored) return tl::unexpected(stored.error());
  StoreFacts both = *stored;
  both.insert(fingerprint.begin(), fingerprint.end());
  for (const auto& [key, ignored] : both) {
    const auto before = std::as_const(*stored).find(key), now = fingerprint.find(key);
    const std::string was = before == stored->end() ? "" : before->second;
    const std::string is = now == fingerprint.end() ? "" : now->second;
    if (was != is)
      return bad_input("{}: cannot be resumed: {} was '{}' and is '{}'; use another --out, or leave --resume out",
                       file_.string(), key, was, is);
  }
  return {};
}

Result<void> Store::put(const StoredResult& stored, std::string_view finished) {
  if (!insert_) {
    auto statement = database_.prepare(
        "INSERT OR REPLACE INTO results(id, row, ordinal, repetition, finished, error, result) VALUES(?,?,?,?,?,?,?)");
    if (!statement) return tl::unexpected(statement.error());
    insert_ = std::move(*statement);
  }
  insert_->bind(1, static_cast<std::int64_t>(stored.entry.id));
  insert_->bind(2, stored.entry.row);
  insert_->bind(3, stored.entry.ordinal);
  insert_->bind(4, stored.entry.repetition);
  insert_->bind(5, finished);
  insert_->bind(6, error_word(stored.error));
  // Output of a crashed subject may be any bytes; what is not UTF-8 is replaced, not thrown over.
  insert_->bind(7, nlohmann::json(stored.result).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  auto done = insert_->step();
  if (!done) return tl::unexpected(done.error());
  return {};
}

Result<void> Store::put_facts(const StoreFacts& facts) { return put_table("facts", facts); }
Result<StoreFacts> Store::facts() { return table("facts"); }

Result<void> Store::put_table(std::string_view name, const StoreFacts& rows) {
  auto statement = database_.prepare(fmt::format("INSERT OR REPLACE INTO {}(key, value) VALUES(?,?)", name));
  if (!statement) return tl::unexpected(statement.error());
  for (const auto& [key, value] : rows) {
    statement->bind(1, key);
    statement->bind(2, value);
    if (auto done = statement->step(); !done) return tl::unexpected(done.error());
  }
  return {};
}

Result<StoreFacts> Store::table(std::string_view name) {
  auto statement = database_.prepare(fmt::format("SELECT key, value FROM {}", name));
  if (!statement) return tl::unexpected(statement.error());
  StoreFacts facts;
  while (true) {
    auto row = statement->step();
    if (!row) return tl::unexpected(row.error());
    if (!*row) return facts;
    facts[statement->text(0)] = statement->text(1);
  }
}

Result<std::unordered_set<std::uint64_t>> Store::finished_ids() {
  auto statement = database_.prepare("SELECT id FROM results WHERE error = ''");
  if (!statement) return tl::unexpected(statement.error());
  std::unordered_set<std::uint64_t> ids;
  while (true) {
    auto row = statement->step();
    if (!row) return tl::unexpected(row.error());
    if (!*row) return ids;
    ids.insert(static_cast<std::uint64_t>(statement->integer(0)));
  }
}

Result<std::vector<StoredKey>> Store::keys() {
  auto statement = database_.prepare("SELECT id, row, ordinal, repetition, finished FROM results ORDER BY id");
  if (!statement) return tl::unexpected(statement.error());
  std::vector<StoredKey> keys;
  while (true) {
    auto row = statement->step();
    if (!row) return tl::unexpected(row.error());
    if (!*row) return keys;
    keys.push_back(
        {{static_cast<std::uint64_t>(statement->integer(0)), statement->integer(2),
          static_cast<std::uint32_t>(statement->integer(1)), static_cast<std::uint32_t>(statement->integer(3))},
         statement->text(4)});
  }
}

Result<StoredResult> Store::get(std::uint64_t id) {
  if (!select_) {
    auto statement = database_.prepare("SELECT row, ordinal, repetition, error, result FROM results WHERE id=?");
    if (!statement) return tl::unexpected(statement.error());
    select_ = std::move(*statement);
  }
  select_->bind(1, static_cast<std::int64_t>(id));
  auto row = select_->step();
  if (!row) return tl::unexpected(row.error());
  if (!*row) return bad_input("{}: holds no result {}", file_.string(), id_text(id));
  StoredResult stored;
  stored.entry = {id, select_->integer(1), static_cast<std::uint32_t>(select_->integer(0)),
                  static_cast<std::uint32_t>(select_->integer(2))};
  stored.error = parse_error_kind(select_->text(3));
  const std::string text = select_->text(4);
  select_->reset();
  try {
    stored.result = nlohmann::json::parse(text).get<CaseResult>();
  } catch (const nlohmann::json::exception& exception) {
    return bad_input("{}: result {} does not parse: {}", file_.string(), id_text(id), exception.what());
  }
  return stored;
}

bool is_store(const std::filesystem::path& file) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(file, error)) return false;
  auto database = Database::open(file, Database::Access::read);
  if (!database) return false;
  auto application = database->integer("PRAGMA application_id");
  return application && *application == kApplication;
}

}  // namespace assay::run
