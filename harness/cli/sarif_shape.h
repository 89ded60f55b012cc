// Test support: what SARIF 2.1.0 (OASIS, sections 3.13 to 3.58) allows in a log, for the objects that assay writes.
// Like the standard's schema: properties that an object does not have, missing ones that it must have, and types.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace assay::cli::testing {

class SarifShape {
 public:
  static std::vector<std::string> violations(const nlohmann::json& log) {
    SarifShape shape;
    shape.object(log, "sarifLog", "");
    return shape.found_;
  }

 private:
  // "name kind": a kind in capitals names an object here; "[]" an array of distinct or any elements; "!" what must be
  // there. Properties without a kind are legal and not written by assay: any value.
  using Objects = std::map<std::string_view, std::vector<std::string_view>>;
  static const Objects& objects() {
    static const Objects all{
        {"sarifLog",
         {"$schema string", "version! 2.1.0", "runs! []run", "inlineExternalProperties", "properties object"}},
        {"run",
         {"tool! tool", "invocations []invocation", "artifacts", "logicalLocations", "results []result",
          "columnKind column", "language string", "originalUriBaseIds object", "automationDetails",
          "defaultSourceLanguage string", "newlineSequences", "taxonomies", "properties object"}},
        {"tool", {"driver! component", "extensions []component", "properties object"}},
        {"component",
         {"name! string", "fullName string", "version string", "semanticVersion string", "informationUri string",
          "downloadUri string", "organization string", "product string", "shortDescription text",
          "fullDescription text", "rules []descriptor", "notifications []descriptor", "language string",
          "properties object"}},
        {"descriptor",
         {"id! string", "name string", "shortDescription text", "fullDescription text", "messageStrings object",
          "defaultConfiguration configuration", "helpUri string", "help text", "properties object"}},
        {"text", {"text! string", "markdown string", "properties object"}},
        {"configuration", {"enabled boolean", "level level", "rank number", "parameters object", "properties object"}},
        {"result",
         {"message! message", "ruleId string", "ruleIndex integer", "kind string", "level level",
          "locations []location", "relatedLocations []location", "partialFingerprints strings", "fingerprints strings",
          "occurrenceCount integer", "guid string", "rank number", "properties object"}},
        {"message", {"text string", "id string", "markdown string", "arguments []string", "properties object"}},
        {"location",
         {"id integer", "physicalLocation physical", "logicalLocations []logical", "message message",
          "properties object"}},
        {"physical", {"artifactLocation artifact", "region region", "contextRegion region", "properties object"}},
        {"artifact", {"uri string", "uriBaseId string", "index integer", "description message", "properties object"}},
        {"region",
         {"startLine positive", "startColumn positive", "endLine positive", "endColumn positive", "charOffset integer",
          "charLength integer", "byteOffset integer", "byteLength integer", "snippet snippet", "message message",
          "sourceLanguage string", "properties object"}},
        {"snippet", {"text string", "binary string", "rendered text", "properties object"}},
        {"logical",
         {"name string", "index integer", "fullyQualifiedName string", "decoratedName string", "parentIndex integer",
          "kind string", "properties object"}},
        {"invocation",
         {"executionSuccessful! boolean", "commandLine string", "exitCode integer", "startTimeUtc string",
          "endTimeUtc string", "toolExecutionNotifications []notification",
          "toolConfigurationNotifications []notification", "workingDirectory artifact", "properties object"}},
        {"notification",
         {"message! message", "level level", "locations []location", "descriptor object", "timeUtc string",
          "properties object"}}};
    return all;
  }

  void wrong(const std::string& where, std::string_view what) { found_.push_back(fmt::format("{}: {}", where, what)); }

  void object(const nlohmann::json& value, std::string_view kind, const std::string& where) {
    if (!value.is_object()) return wrong(where, "no object");
    std::map<std::string, std::string> allowed;
    for (std::string_view row : objects().at(kind)) {
      const std::size_t space = std::min(row.find(' '), row.size());
      std::string name(row.substr(0, space));
      const bool needed = name.back() == '!';
      if (needed) name.pop_back();
      allowed[name] = space < row.size() ? row.substr(space + 1) : "";
      if (needed && !value.contains(name)) wrong(where, "has no " + name);
    }
    if (kind == "message" && !value.contains("text") && !value.contains("id")) wrong(where, "neither text nor id");
    for (const auto& [name, part] : value.items()) {
      const auto row = allowed.find(name);
      if (row == allowed.end())
        wrong(where, fmt::format("{} has no property {}", kind, name));
      else
        check(part, row->second, where + "/" + name);
    }
  }

  void check(const nlohmann::json& value, std::string_view kind, const std::string& where) {
    if (kind.starts_with("[]")) {
      if (!value.is_array()) return wrong(where, "no array");
      for (std::size_t i = 0; i < value.size(); ++i) check(value[i], kind.substr(2), fmt::format("{}/{}", where, i));
      return;
    }
    const auto one_of = [&](std::initializer_list<const char*> words) {
      return std::any_of(words.begin(), words.end(), [&](const char* word) { return value == word; });
    };
    bool fits = true;
    if (kind == "2.1.0")
      fits = value == "2.1.0";
    else if (kind == "string")
      fits = value.is_string();
    else if (kind == "boolean")
      fits = value.is_boolean();
    else if (kind == "integer")
      fits = value.is_number_integer() && value.get<std::int64_t>() >= -1;
    else if (kind == "positive")
      fits = value.is_number_integer() && value.get<std::int64_t>() >= 1;
    else if (kind == "number")
      fits = value.is_number();
    else if (kind == "object")
      fits = value.is_object();
    else if (kind == "strings")
      fits =
          value.is_object() && std::all_of(value.begin(), value.end(), [](const auto& one) { return one.is_string(); });
    else if (kind == "level")
      fits = one_of({"none", "note", "warning", "error"});
    else if (kind == "column")
      fits = one_of({"utf16CodeUnits", "unicodeCodePoints"});
    else if (!kind.empty())
      return object(value, kind, where);
    if (!fits) wrong(where, fmt::format("{} is no {}", value.dump(), kind));
  }

  std::vector<std::string> found_;
};

}  // namespace assay::cli::testing
