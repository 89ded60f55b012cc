// A worker for the tests of the pool and the sweep: it speaks the protocol and does to itself what its case asks for
// under the key "act". Arguments: how to start ("well", "die", "mute", "old", "missing"), and a file to which it
// appends the id of every case it gets.
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <stdexcept>
#include <thread>

#include "harness/run/worker_loop.h"

namespace assay::run {
namespace {

void wait_forever() {
  while (true) std::this_thread::sleep_for(std::chrono::hours(1));
}

void say(std::string_view line) { ::send(kWorkerDescriptor, line.data(), line.size(), MSG_NOSIGNAL); }

void grow() {
  std::vector<char> ballast(200u << 20);
  for (std::size_t i = 0; i < ballast.size(); i += 4096) ballast[i] = 1;
  wait_forever();
}

// A child that would outlive a kill of its parent alone, and that shows it lives by touching a file.
void leave_child(const std::string& file) {
  if (fork() == 0) {
    while (true) {
      std::ofstream(file, std::ios::app) << '.';
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }
  wait_forever();
}

CaseResult passed(const Case& c) {
  CaseResult result;
  result.c = c;
  result.id = case_id(c);
  result.verdict = compare::Verdict::passed;
  result.compared = 4;
  result.backends.push_back({"sim", "completed", {}, {}, 0.001, 0, 10});
  return result;
}

Result<CaseResult> act(const Case& c) {
  const std::string what(c.get("act"));
  CaseResult result = passed(c);
  if (what == "fail") result.verdict = compare::Verdict::failed;
  if (what == "unverified") result.verdict = compare::Verdict::unverified;
  if (what == "bad_input") return bad_input("golden.npy: truncated");
  if (what == "unavailable") return unavailable("backend 'opencl' went away");
  if (what == "throw") throw std::runtime_error("thrown on purpose");
  if (what == "hang") wait_forever();
  if (what == "grow") grow();
  if (what == "exit") _exit(7);
  if (what == "child") leave_child(std::string(c.get("file")));
  if (what == "slow") std::this_thread::sleep_for(std::chrono::milliseconds(30));
  if (what == "garbage") {
    say("no message\n");
    wait_forever();
  }
  if (what == "stranger") {
    say(encode(Reply(ResultReply{99999, result})) + "\n");
    wait_forever();
  }
  if (what == "chatty")
    for (int i = 0; i < 20000; ++i) std::puts("a line that nobody reads but everybody must be able to print");
  if (what == "crash") {
    std::fputs("one\ntwo\nthree\nabout to fall over\n", stderr);
    std::signal(SIGSEGV, SIG_DFL);  // a sanitizer would make an exit status of it
    raise(SIGSEGV);
  }
  return result;
}

int main_of(int argc, char** argv) {
  const std::string start = argc > 1 ? argv[1] : "well";
  const std::string log = argc > 2 ? argv[2] : "";
  if (start == "die") {
    std::fputs("no such library\n", stderr);
    return 5;
  }
  if (start == "mute") wait_forever();
  if (start == "old") {
    say("{\"is\":\"ready\",\"protocol\":99,\"version\":\"0\",\"backends\":[]}\n");
    wait_forever();
  }
  WorkerService service;
  service.configure = [log](const WorkerSetup&) -> Result<CaseHandler> {
    return [log](const Case& c) {
      if (!log.empty()) std::ofstream(log, std::ios::app) << case_id(c) << '\n';
      return act(c);
    };
  };
  service.probe = [start](const std::string& name) {
    return reports::BackendInfo{name, "a fake", start == "missing" && name != "sim" ? "no platform" : ""};
  };
  return serve_worker(kWorkerDescriptor, service);
}

}  // namespace
}  // namespace assay::run

int main(int argc, char** argv) { return assay::run::main_of(argc, argv); }
