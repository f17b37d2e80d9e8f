// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <spawn.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

namespace argand::test {

// A port of this machine that nobody has just now.
inline int freePort() {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  EXPECT_EQ(::bind(socket, reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size), 0);
  ::close(socket);
  return ntohs(address.sin_port);
}

// A program with its arguments and with more in its environment.
inline pid_t start(std::vector<std::string> words, const std::vector<std::string>& variables) {
  std::vector<std::string> settings = variables;
  for (char** one = environ; *one != nullptr; ++one) {
    settings.emplace_back(*one);
  }
  const auto pointers = [](std::vector<std::string>& texts) {
    std::vector<char*> all;
    for (std::string& text : texts) {
      all.push_back(text.data());
    }
    all.push_back(nullptr);
    return all;
  };
  pid_t pid = -1;
  EXPECT_EQ(::posix_spawn(&pid,
                          words[0].c_str(),
                          nullptr,
                          nullptr,
                          pointers(words).data(),
                          pointers(settings).data()),
            0);
  return pid;
}

// What torchrun tells a process on this machine.
inline std::vector<std::string> rankVariables(int rank, int count, int port) {
  return {fmt::format("RANK={}", rank),
          fmt::format("WORLD_SIZE={}", count),
          fmt::format("LOCAL_RANK={}", rank),
          "MASTER_ADDR=127.0.0.1",
          fmt::format("MASTER_PORT={}", port)};
}

// This test program again, running one of its disabled tests in each rank.
inline std::vector<pid_t> startRanks(const std::string& test,
                                     int count,
                                     const std::vector<std::string>& variables) {
  const int port = freePort();
  std::vector<pid_t> processes;
  for (int rank = 0; rank < count; ++rank) {
    std::vector<std::string> all = rankVariables(rank, count, port);
    all.insert(all.end(), variables.begin(), variables.end());
    processes.push_back(start({std::filesystem::read_symlink("/proc/self/exe").string(),
                               "--gtest_also_run_disabled_tests",
                               "--gtest_filter=" + test},
                              all));
  }
  return processes;
}

// The exit status; -1 where a signal ended it.
inline int statusOf(pid_t process) {
  int status = 0;
  EXPECT_EQ(::waitpid(process, &status, 0), process);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace argand::test
