// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/progress.h"

#include <stop_token>
#include <string>
#include <thread>

namespace argand::app {

// Progress on standard error: a bar on a terminal, else one line per stage;
// nothing where `quiet`. May be called from any one thread at a time.
[[nodiscard]] ProgressFn progressOnStderr(bool quiet);

// Ends the line of a bar, so that what follows starts on its own.
void endProgressLine();

// Asks for a stop on SIGINT, SIGTERM and SIGHUP, so that what is half written is
// taken away. A file that grows past its limit (SIGXFSZ) and a reader that has
// gone (SIGPIPE) become failures of writing instead of the end of the program.
// Must be made before other threads are, which then leave these signals to it.
class InterruptWatch {
 public:
  InterruptWatch();

  [[nodiscard]] std::stop_token token() const { return m_stop.get_token(); }

 private:
  std::stop_source m_stop;
  std::jthread m_thread;
};

}  // namespace argand::app
