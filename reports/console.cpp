// What a person sees while a run goes on, and the tables at its end.
#include <fmt/ranges.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <ostream>
#include <set>

#include "reports/facts.h"
#include "reports/reporter.h"

namespace assay::reports {

using compare::Verdict;

namespace {

enum class Color { none, red, green, yellow, dim, bold };

Color color_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::passed:
    case Verdict::xfail:
      return Color::green;
    case Verdict::skipped:
    case Verdict::unsupported:
      return Color::dim;
    case Verdict::unverified:
      return Color::yellow;
    default:
      return Color::red;
  }
}

// Columns a UTF-8 text takes: continuation bytes take none.
std::size_t width_of(std::string_view text) {
  std::size_t width = 0;
  for (const char c : text) width += (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
  return width;
}

double system_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

class ConsoleReporter : public Reporter {
 public:
  ConsoleReporter(std::ostream& out, ConsoleOptions options) : out_(out), options_(std::move(options)) {
    if (!options_.clock) options_.clock = system_seconds;
  }

  Result<void> run_started(const RunInfo& info) override {
    total_ = info.cases;
    replay_options_ = info.replay_options;
    started_ = last_line_ = options_.clock();
    out_ << fmt::format("{} case{}, seed {}\n", total_, total_ == 1 ? "" : "s", info.seed);
    for (const BackendInfo& backend : info.backends)
      out_ << fmt::format("  {:<10} {}\n", backend.name,
                          printable(backend.missing.empty() ? backend.description : "missing: " + backend.missing));
    return written();
  }

  Result<void> case_finished(const run::CaseResult& result) override {
    ++verdicts_[result.verdict];
    if (needs_attention(result)) {
      if (++attention_ <= static_cast<std::int64_t>(options_.failures)) print_case(result);
      if (attention_ == static_cast<std::int64_t>(options_.failures) + 1)
        say("further failures are not printed; see the report\n");
    }
    progress();
    return written();
  }

  Result<void> run_finished(const Summary& summary) override {
    clear_progress();
    print_matrix(summary);
    print_failures(summary);
    print_enclosures(summary);
    print_peers(summary);
    print_totals(summary);
    return written();
  }

 private:
  std::string paint(Color color, const std::string& text) const {
    if (!options_.color || color == Color::none) return text;
    const int code = color == Color::red      ? 31
                     : color == Color::green  ? 32
                     : color == Color::yellow ? 33
                     : color == Color::dim    ? 2
                                              : 1;
    return fmt::format("\x1b[{}m{}\x1b[0m", code, text);
  }

  Result<void> written() {
    out_.flush();
    if (!out_) return unavailable("cannot write to the console");
    return {};
  }

  // Text above the progress line.
  void say(const std::string& text) {
    clear_progress();
    out_ << text;
  }

  void clear_progress() {
    if (progress_shown_) out_ << "\r\x1b[K";
    progress_shown_ = false;
  }

  void print_case(const run::CaseResult& result) {
    const std::string verdict(compare::name(result.verdict));
    std::string text =
        paint(color_of(result.verdict), verdict) + " " + result.id + " " + printable(run::replay_line(result.c)) + "\n";
    if (!result.reason.empty()) text += "    " + printable(result.reason) + "\n";
    if (const run::OutputResult* output = leading_output(result); output != nullptr && !output->comparison.passed) {
      const compare::Comparison& c = output->comparison;
      text += fmt::format("    {}.{}: {} against {}: {} of {} elements mismatch under {}, largest distance {}",
                          output->stage, output->output, output->subject, output->reference, c.mismatches, c.compared,
                          c.rule, ulps_text(c.max_ulps));
      if (c.unwritten > 0) text += fmt::format(", {} never written", c.unwritten);
      text += "\n";
      if (!output->pattern.empty()) text += "    where: " + printable(output->pattern) + "\n";
    }
    if (const std::string_view blame = blame_text(result); !blame.empty())
      text += "    blame: " + std::string(blame) + "\n";
    for (const run::BackendResult& backend : result.backends)
      for (const std::string& diagnostic : backend.diagnostics)
        if (result.reason.find(diagnostic) == std::string::npos)
          text += "    " + backend.backend + ": " + printable(diagnostic) + "\n";
    say(text + "    " + printable(replay_command(result.c, replay_options_)) + "\n");
  }

  void progress() {
    const double now = options_.clock();
    const std::int64_t done = verdicts_.total();
    if (options_.terminal ? now - last_line_ < 0.1 && done != total_ : now - last_line_ < options_.plain_every) return;
    last_line_ = now;
    const std::string line = progress_text(done, now - started_);
    if (!options_.terminal) {
      out_ << line << "\n";
      return;
    }
    out_ << "\r\x1b[K" << line.substr(0, static_cast<std::size_t>(std::max(options_.width - 1, 20)));
    progress_shown_ = true;
  }

  std::string progress_text(std::int64_t done, double seconds) const {
    const double rate = seconds > 0 ? static_cast<double>(done) / seconds : 0;
    std::string text = fmt::format("{} cases", done);
    if (total_ > 0)
      text = fmt::format("{}/{} cases, {:.0f} %", done, total_,
                         100.0 * static_cast<double>(done) / static_cast<double>(total_));
    text += fmt::format(", {:.{}f}/s", rate, rate < 10 ? 1 : 0);
    if (rate > 0 && total_ > done) text += ", " + duration_text(static_cast<double>(total_ - done) / rate) + " left";
    return attention_ > 0 ? text + fmt::format(", {} to look at", attention_) : text;
  }

  // "12 passed", or "10 passed, 2 failed".
  std::string cell_text(const VerdictCounts& counts) const {
    std::vector<std::string> parts;
    for (std::size_t i = 0; i < kVerdicts; ++i)
      if (counts.of[i] > 0) parts.push_back(fmt::format("{} {}", counts.of[i], compare::name(static_cast<Verdict>(i))));
    return fmt::format("{}", fmt::join(parts, ", "));
  }

  void print_matrix(const Summary& summary) {
    if (summary.cells.empty()) return;
    std::set<std::string> backends;
    std::map<std::pair<std::string, std::string>, std::map<std::string, VerdictCounts>> rows;
    for (const auto& [cell, counts] : summary.cells) {
      backends.insert(cell.backend);
      rows[{cell.pipeline, cell.fill}][cell.backend] = counts;
    }
    std::vector<std::vector<std::string>> table{{"pipeline", "fill"}};
    std::vector<std::vector<Color>> colors{std::vector<Color>(2 + backends.size(), Color::bold)};
    for (const std::string& backend : backends) table[0].push_back(backend);
    for (const auto& [key, cells] : rows) {
      table.push_back({printable(key.first), printable(key.second)});
      colors.push_back({Color::none, Color::none});
      for (const std::string& backend : backends) {
        const auto found = cells.find(backend);
        table.back().push_back(found == cells.end() ? "-" : cell_text(found->second));
        colors.back().push_back(found == cells.end() ? Color::dim : color_of(found->second.worst()));
      }
    }
    print_table(table, colors);
  }

  void print_table(const std::vector<std::vector<std::string>>& table, const std::vector<std::vector<Color>>& colors) {
    std::vector<std::size_t> widths(table[0].size());
    for (const auto& row : table)
      for (std::size_t k = 0; k < row.size(); ++k) widths[k] = std::max(widths[k], width_of(row[k]));
    out_ << "\n";
    for (std::size_t r = 0; r < table.size(); ++r) {
      for (std::size_t k = 0; k < table[r].size(); ++k) {
        const bool last = k + 1 == table[r].size();
        out_ << paint(colors[r][k], table[r][k]);
        if (!last) out_ << std::string(widths[k] - width_of(table[r][k]) + 2, ' ');
      }
      out_ << "\n";
    }
  }

  void print_failures(const Summary& summary) {
    if (summary.failures.empty()) return;
    out_ << "\n" << paint(Color::bold, "failures and the fills that caught them") << "\n";
    for (const Failure& failure : summary.failures) {
      std::vector<std::string> caught, missed;
      for (const auto& [fill, found] : failure.fills) {
        if (found.caught > 0) {
          caught.push_back(fmt::format("{} {}/{}", fill, found.caught, found.ran));
        } else {
          missed.push_back(fill);
        }
      }
      out_ << printable(fmt::format("  {} {}: {} case{}; caught by {}{}{}", failure.pipeline, failure.where,
                                    failure.cases, failure.cases == 1 ? "" : "s", fmt::join(caught, ", "),
                                    missed.empty() ? "" : "; missed by ", fmt::join(missed, ", ")))
           << "\n";
    }
  }

  void print_enclosures(const Summary& summary) {
    if (summary.enclosures.empty()) return;
    out_ << "\n" << paint(Color::bold, "enclosures: observed over allowed error, widths") << "\n";
    for (const auto& [output, use] : summary.enclosures)
      out_ << printable(fmt::format("  {}: slack {:.3g}, width median {} at most {}, {} comparison{}", output,
                                    use.slack, use.median_width, ulps_text(use.max_width), use.comparisons,
                                    use.comparisons == 1 ? "" : "s"))
           << "\n";
  }

  void print_peers(const Summary& summary) {
    const PeerUse& peers = summary.peers;
    if (peers.failing + peers.passing == 0) return;
    out_ << fmt::format(
        "\nthe peers' own checks: of {} outputs that fail here they accept {} and do not look at {}; of {} that pass they "
        "reject {}\n",
        peers.failing, peers.failing_accepted, peers.failing_unchecked, peers.passing, peers.passing_rejected);
  }

  void print_totals(const Summary& summary) {
    const double rate = summary.seconds > 0 ? static_cast<double>(summary.cases()) / summary.seconds : 0;
    out_ << fmt::format("\n{} case{} in {} ({:.1f}/s): {}\n", summary.cases(), summary.cases() == 1 ? "" : "s",
                        duration_text(summary.seconds), rate,
                        summary.cases() == 0 ? "none" : cell_text(summary.verdicts));
    out_ << fmt::format("{} elements compared, {} left open by the specification, {} never written\n", summary.compared,
                        summary.unconstrained, summary.unwritten);
    out_ << paint(exit_code(summary) == 0 ? Color::green : Color::red, explain_exit(summary)) << "\n";
  }

  std::ostream& out_;
  ConsoleOptions options_;
  std::int64_t total_ = 0;
  std::string replay_options_;
  VerdictCounts verdicts_;
  std::int64_t attention_ = 0;
  double started_ = 0, last_line_ = 0;
  bool progress_shown_ = false;
};

}  // namespace

ConsoleOptions console_options(int file_descriptor) {
  ConsoleOptions options;
  options.terminal = isatty(file_descriptor) == 1;
  const char* no_color = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  const bool dumb = term == nullptr || std::string_view(term) == "dumb";
  options.color = options.terminal && !dumb && (no_color == nullptr || *no_color == '\0');
  options.terminal = options.terminal && !dumb;
  if (const char* columns = std::getenv("COLUMNS")) options.width = std::max(20, std::atoi(columns));
  return options;
}

std::unique_ptr<Reporter> console_reporter(std::ostream& out, ConsoleOptions options) {
  return std::make_unique<ConsoleReporter>(out, std::move(options));
}

}  // namespace assay::reports
