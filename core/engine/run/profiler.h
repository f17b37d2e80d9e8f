// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/progress.h"
#include "core/engine/plan/device_profile.h"

#include <stop_token>

// Times the engine itself on this machine's processor, so that plans are made with what
// it does and not with what is assumed.
namespace argand::engine {

// One thread of the processor while its neighbours are at work too: chains of
// convolutions, transposed convolutions and passes through the executor, two lengths of
// each, so that what a run costs beside its steps falls out. Takes a few seconds and
// fits, per kind of step, seconds = chunks * a + flops / b(channels) + bytes / c.
[[nodiscard]] Result<DeviceProfile> measureProcessor(std::stop_token stop = {},
                                                     const ProgressFn& progress = {});

// The same, kept in measuredProfilePath(), where parseDevices finds it from then on.
[[nodiscard]] Result<void> profileProcessor(std::stop_token stop = {},
                                            const ProgressFn& progress = {});

}  // namespace argand::engine
