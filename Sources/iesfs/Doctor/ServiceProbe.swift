// SPDX-License-Identifier: Apache-2.0

import IESService
import IESTransport

/// What the doctor asks the service with: each thing once, and not for long.
struct ServiceProbe: Sendable {
    /// Of each step.
    private static let longest: Duration = .seconds(10)

    let job: MountJob
    let credentials: CredentialStore
    let transport: CurlTransport
    let settings: ServiceSettings
    let client: ServiceClient

    init(_ job: MountJob) throws(ProgramError) {
        self.job = job
        credentials = CredentialStore(try job.credentials(), environment: job.environment)
        transport = CurlTransport(
            settings: CurlSettings(
                userAgent: "iesfs/\(Program.version)", proxy: job.options.proxy, caFile: job.authorities?.file))
        var settings = ServiceSettings()
        settings.timeout = min(job.options.timeout, Self.longest)
        settings.connectTimeout = settings.timeout
        settings.retries = 0
        settings.userAgent = "iesfs/\(Program.version)"
        self.settings = settings
        client = ServiceClient(
            endpoint: job.endpoint, transport: transport, credentials: credentials, routes: try job.routes(),
            settings: settings)
    }

    /// Of each step.
    var limit: Duration { settings.timeout }

    func close() { transport.shutdown() }

    /// The first project that is named; nil: none is.
    var namedProject: ProjectID? { job.options.projects.first.flatMap(ProjectID.init(rawValue:)) }

    /// The region's own project, as IAM knows it. Nil: SOURCE is not a region.
    func projectOfRegion() throws(IdentityClient.Failure) -> ProjectID? {
        guard Endpoint.isRegion(job.source), let identity = credentials.configuration.identity else { return nil }
        let client = IdentityClient(
            endpoint: identity, transport: transport, credentials: credentials, settings: settings)
        return try Blocking.run { [region = job.source, limit] () throws(IdentityClient.Failure) in
            try await client.project(ofRegion: region, deadline: .now + limit)
        }
    }
}
