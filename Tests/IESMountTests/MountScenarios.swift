// SPDX-License-Identifier: Apache-2.0

import Glibc
import Testing

/// Whether the long form of what is repeated is wanted: hundreds of rounds instead of some.
let isLongRun = getenv("IES_LONG") != nil

/// Everything that goes through a real mount, one at a time: the machine has few cores, and
/// deadlines are part of what is tested.
@Suite(.serialized, .tags(.mount), .enabled(if: canMount), .timeLimit(.minutes(isLongRun ? 120 : 5)))
enum MountScenarios {}
