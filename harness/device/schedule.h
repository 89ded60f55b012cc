// Orders and schedules as users write them: --order, --schedule and the keys of a replay line.
#pragma once

#include <string>
#include <string_view>

#include "harness/device/backend.h"

namespace assay::device {

// "canonical", "worst", "seed=7".
Result<Schedule> parse_schedule(std::string_view text);
std::string to_string(const Schedule& schedule);

// "auto", "program", "explicit".
Result<Order> parse_order(std::string_view text);
// Also "inserted": explicit order, of kernels that have been given synchronisation where they had none
// (pto/insert_sync.h), which is for the caller to do.
struct OrderOfCase {
  Order order = Order::automatic;
  bool inserts_sync = false;
};
Result<OrderOfCase> parse_order_of_case(std::string_view text);
std::string_view name(Order order);

}  // namespace assay::device
