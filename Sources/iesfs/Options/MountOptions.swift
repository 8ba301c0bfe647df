// SPDX-License-Identifier: Apache-2.0

import IESCache
import IESService
import Logging

/// What a mount is told by its options, each with its default.
struct MountOptions: Hashable, Sendable {
    /// Whether a failed check of the endpoint ends the mount.
    enum Check: String, CaseIterable, Hashable, Sendable {
        case fail, warn, none
    }

    var allowsOther = false
    var allowsRoot = false
    /// Nil: the user who mounts.
    var uid: UInt32?
    var gid: UInt32?
    var umask: UInt16 = 0
    /// Nil: `/var/cache/iesfs` for root, else `$XDG_CACHE_HOME/iesfs`.
    var cacheDirectory: String?
    /// Nil: a tenth of the disk, at least 1 GiB.
    var cacheSize: Int64?
    var cacheFree = FreeSpace.part(0.05)
    var blockSize: Int64 = 1 << 20
    var readAhead: Int64 = 64 << 20
    /// Of one file; a mount has 16.
    var connections = 8
    var memory: Int64 = 64 << 20
    /// Nil: results never change.
    var revalidate: Duration?
    var timeout: Duration = .seconds(30)
    var retries = 5
    /// Of each project, a second; 0: as many as there are.
    var rate = 10
    var listTTL: Duration = .seconds(60)
    var errorTTL: Duration = .seconds(5)
    var listsNothing = false
    var passesNothingThrough = false
    /// Nil: `fail`, or `warn` for a mount made at boot (`effectiveCheck`).
    var check: Check?
    /// Empty: any project.
    var projects: [String] = []
    var tokenFile: String?
    var credentialsFile: String?
    var profile = "basic"
    /// Of the metadata service; nil: it is not asked.
    var metadata: String? = "http://169.254.169.254"
    /// Those that are elsewhere: a region or a URL for each.
    var projectEndpoints: [ProjectID: String] = [:]
    /// Those that have credentials of their own: a section of the profile file for each.
    var projectProfiles: [ProjectID: String] = [:]
    var proxy: String?
    var certificateAuthorities: String?
    var allowsHTTP = false
    /// Nil: standard error in the foreground, else what the machine has (`LogDestination.standard`).
    var log: LogDestination?
    var logLevel: Logger.Level = .info

    /// `_netdev` or `nofail` was among the options: the mount is made at boot, maybe before the network is up.
    var isMadeAtBoot = false
    var forbidsExecution = false

    var effectiveCheck: Check { check ?? (isMadeAtBoot ? .warn : .fail) }
}
