#include "harness/device/schedule.h"

#include <charconv>

namespace assay::device {

Result<Schedule> parse_schedule(std::string_view text) {
  if (text == "canonical") return Schedule{Schedule::Kind::canonical, 0};
  if (text == "worst") return Schedule{Schedule::Kind::worst, 0};
  constexpr std::string_view kSeed = "seed=";
  if (text.starts_with(kSeed)) {
    const std::string_view number = text.substr(kSeed.size());
    std::uint64_t seed = 0;
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), seed);
    if (error == std::errc{} && end == number.data() + number.size() && !number.empty())
      return Schedule{Schedule::Kind::seeded, seed};
  }
  return bad_input("schedule '{}', expected canonical, worst or seed=N", text);
}

std::string to_string(const Schedule& schedule) {
  switch (schedule.kind) {
    case Schedule::Kind::canonical:
      return "canonical";
    case Schedule::Kind::worst:
      return "worst";
    case Schedule::Kind::seeded:
      break;
  }
  return fmt::format("seed={}", schedule.seed);
}

Result<Order> parse_order(std::string_view text) {
  for (const Order order : {Order::automatic, Order::program, Order::explicit_sync})
    if (text == name(order)) return order;
  return bad_input("order '{}', expected auto, program or explicit", text);
}

Result<OrderOfCase> parse_order_of_case(std::string_view text) {
  if (text == "inserted") return OrderOfCase{Order::explicit_sync, true};
  const auto order = parse_order(text);
  if (!order) return bad_input("order '{}', expected auto, program, explicit or inserted", text);
  return OrderOfCase{*order, false};
}

std::string_view name(Order order) {
  switch (order) {
    case Order::automatic:
      return "auto";
    case Order::program:
      return "program";
    case Order::explicit_sync:
      break;
  }
  return "explicit";
}

}  // namespace assay::device
