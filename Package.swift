// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0

import PackageDescription

let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

/// Where no C is called, unsafe pointers are refused by the compiler.
let safe: [SwiftSetting] = strict + [.strictMemorySafety()]

let configuration = Target.Dependency.product(name: "Configuration", package: "swift-configuration")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let httpTypes = Target.Dependency.product(name: "HTTPTypes", package: "swift-http-types")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let system = Target.Dependency.product(name: "SystemPackage", package: "swift-system")

let package = Package(
    name: "iesfs",
    products: [
        .executable(name: "iesfs", targets: ["iesfs"])
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(
            url: "https://github.com/apple/swift-configuration", from: "1.4.0", traits: ["YAML"]),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2"),
    ],
    targets: [
        .systemLibrary(name: "CFuse3", pkgConfig: "fuse3", providers: [.apt(["libfuse3-dev"])]),
        .systemLibrary(name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
        .systemLibrary(name: "CCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CLinux"),
        .target(name: "IESService", dependencies: ["CCrypto", httpTypes, logging, system], swiftSettings: strict),
        .target(
            name: "IESTransport", dependencies: ["CCurl", "IESService", httpTypes, logging, system],
            swiftSettings: strict),
        .target(name: "IESCache", dependencies: ["CLinux", grdb, logging, system], swiftSettings: strict),
        .target(name: "IESFetch", dependencies: ["IESCache", "IESService", logging], swiftSettings: safe),
        .target(name: "IESTakeover", dependencies: ["CLinux", system], swiftSettings: strict),
        .target(
            name: "IESFileSystem",
            dependencies: ["IESCache", "IESFetch", "IESService", "IESTakeover", logging, system], swiftSettings: safe),
        .target(
            name: "IESMount", dependencies: ["CFuse3", "CLinux", "IESFileSystem", "IESTakeover", logging, system],
            swiftSettings: strict),
        .target(
            name: "IESSimulator",
            dependencies: [
                "CCrypto", "IESService", httpTypes, logging,
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ], swiftSettings: strict),
        .executableTarget(
            name: "iesfs",
            dependencies: [
                "CLinux", "IESCache", "IESFetch", "IESFileSystem", "IESMount", "IESService",
                "IESSimulator", "IESTakeover", "IESTransport", configuration, logging, system,
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ], swiftSettings: strict),
        .testTarget(
            name: "IESServiceTests", dependencies: ["IESService", "IESSimulator", httpTypes, logging, system],
            resources: [.copy("Vectors")], swiftSettings: strict),
        .testTarget(
            name: "IESTransportTests",
            dependencies: ["CCurl", "CLinux", "IESTransport", "IESService", "IESSimulator", httpTypes, system],
            swiftSettings: strict),
        .testTarget(name: "IESCacheTests", dependencies: ["IESCache", grdb, logging, system], swiftSettings: strict),
        .testTarget(
            name: "IESFetchTests",
            dependencies: ["IESFetch", "IESCache", "IESService", "IESSimulator", logging, system],
            resources: [.copy("Fixtures")], swiftSettings: strict),
        .testTarget(
            name: "IESFileSystemTests",
            dependencies: [
                "IESFileSystem", "IESFetch", "IESCache", "IESService", "IESSimulator", "IESTakeover", logging, system,
            ], swiftSettings: strict),
        .testTarget(name: "IESTakeoverTests", dependencies: ["IESTakeover", system], swiftSettings: strict),
        .testTarget(
            name: "IESSimulatorTests", dependencies: ["IESSimulator", "IESService", httpTypes],
            swiftSettings: strict),
        .testTarget(
            name: "IESProgramTests", dependencies: ["iesfs", "IESMount", "IESTakeover", logging, system],
            swiftSettings: strict),
        .testTarget(
            name: "IESMountTests",
            dependencies: [
                "CFuse3", "iesfs", "IESMount", "IESSimulator", "IESService", "IESTakeover", system,
                .product(name: "Subprocess", package: "swift-subprocess"),
            ], resources: [.copy("Fixtures")], swiftSettings: strict),
    ],
    swiftLanguageModes: [.v6]
)
