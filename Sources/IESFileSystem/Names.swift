// SPDX-License-Identifier: Apache-2.0

import IESService

/// Which names may stand for a project or a task. Any other is ENOENT without a request.
enum Names {
    static func project(_ name: String) -> ProjectID? {
        isProbe(name) ? nil : ProjectID(rawValue: name)
    }

    static func task(_ name: String) -> TaskID? {
        isProbe(name) ? nil : TaskID(rawValue: name)
    }

    /// Whether desktops, file managers or version control ask every directory for this name. Case does not
    /// matter: they try several.
    static func isProbe(_ name: String) -> Bool {
        name.utf8.count <= longestProbe && probes.contains(name.lowercased())
    }

    /// Names that have the form of an id, in lower case. Those that begin with a dot or hold a space
    /// (`.Trash`, `.directory`, `System Volume Information`) need no place here.
    private static let probes: Set<String> = [
        // Windows programs and what imitates them
        "autorun.inf", "autorun.exe", "desktop.ini", "thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "recycler",
        "recycled", "autoexec.bat", "folder.htt",
        // freedesktop autostart specification
        "autorun", "autorun.sh", "autoopen",
        // shared-mime-info's tree magic, looked up at every mount by GVfs and KDE
        "audio_ts", "video_ts", "hvdvd_ts", "bdmv", "bdav", "dcim", "pictures", "mpegav", "mpeg2", "svcd", "vcd",
        // cover pictures that file managers and players look for
        "folder.jpg", "folder.png", "folder.gif", "folder.bmp", "cover.jpg", "cover.png", "albumart.jpg",
        "albumartsmall.jpg", "front.jpg",
        // macOS and Android
        "icon", "lost.dir",
        // git (is this a bare repository?) and other version control, asked by shell prompts
        "head", "objects", "refs", "commondir", "cvs", "rcs", "sccs", "_darcs", "_svn", "_mtn", "_fossil_",
    ]

    private static let longestProbe = 32
}
