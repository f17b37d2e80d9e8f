// SPDX-License-Identifier: Apache-2.0
#include "app/cli/terminal.h"

#include <fmt/format.h>

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <mutex>

namespace argand::app {

namespace {

constexpr int kBarWidth = 30;

bool g_lineOpen = false;  // a bar stands on the last line of the terminal

void drawBar(const Progress& progress) {
  const double fraction = std::clamp(progress.fraction, 0.0, 1.0);
  const int done = static_cast<int>(fraction * kBarWidth);
  fmt::print(stderr,
             "\r\x1b[K{:24} [{:=<{}}{:<{}}] {:3.0f} % {}",
             progress.stage,
             "",
             done,
             "",
             kBarWidth - done,
             fraction * 100.0,
             progress.detail);
  std::fflush(stderr);
  g_lineOpen = true;
}

}  // namespace

ProgressFn progressOnStderr(bool quiet) {
  if (quiet) {
    return {};
  }
  const bool terminal = ::isatty(STDERR_FILENO) == 1;
  auto last = std::make_shared<std::string>();
  auto mutex = std::make_shared<std::mutex>();
  return [terminal, last, mutex](const Progress& progress) {
    const std::lock_guard lock(*mutex);
    if (terminal) {
      drawBar(progress);
    } else if (*last != progress.stage) {
      fmt::print(stderr, "{}\n", progress.stage);
    }
    *last = progress.stage;
  };
}

void endProgressLine() {
  if (g_lineOpen) {
    fmt::print(stderr, "\r\x1b[K");
    g_lineOpen = false;
  }
}

InterruptWatch::InterruptWatch() {
  ::signal(SIGXFSZ, SIG_IGN);
  ::signal(SIGPIPE, SIG_IGN);
  sigset_t signals;
  ::sigemptyset(&signals);
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    // Leaves alone the signals that the parent process ignores (nohup, background jobs):
    // Linux queues a blocked signal even where it is ignored.
    struct sigaction current {};

    if (::sigaction(number, nullptr, &current) == 0 && current.sa_handler != SIG_IGN) {
      ::sigaddset(&signals, number);
    }
  }
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  m_thread = std::jthread([signals, stop = m_stop](const std::stop_token& end) mutable {
    const timespec wait{0, 100'000'000};
    while (!end.stop_requested()) {
      if (::sigtimedwait(&signals, nullptr, &wait) > 0) {
        stop.request_stop();
      }
    }
  });
}

}  // namespace argand::app
