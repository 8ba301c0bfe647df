// SPDX-License-Identifier: Apache-2.0

import Testing

/// Everything that goes through a real mount, one at a time: the machine has few cores, and
/// deadlines are part of what is tested.
@Suite(.serialized, .tags(.mount), .enabled(if: canMount), .timeLimit(.minutes(5)))
enum MountScenarios {}
