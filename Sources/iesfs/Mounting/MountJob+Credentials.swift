// SPDX-License-Identifier: Apache-2.0

import IESService
import SystemPackage

/// Where the credentials of a mount come from, and which projects have others or are elsewhere.
extension MountJob {
    /// - Parameter profile: Of one project, instead of the mount's.
    func credentials(profile: String? = nil) throws(ProgramError) -> CredentialConfiguration {
        var configuration = CredentialConfiguration(
            tokenFile: profile == nil ? options.tokenFile.map { FilePath($0) } : nil,
            credentialsFile: options.credentialsFile.map { FilePath($0) }, profile: profile ?? options.profile)
        configuration.isProfileOnly = profile != nil
        configuration.allowsHTTP = options.allowsHTTP
        do throws(EndpointError) {
            configuration.identity = try Endpoint.identity(
                for: source, allowsHTTP: options.allowsHTTP, environment: environment)
            // Plain HTTP: an address of this machine's own network, where no certificate could be.
            if let metadata = options.metadata, profile == nil {
                configuration.metadata = try Endpoint.parse(metadata, allowsHTTP: true)
            }
        } catch {
            throw ProgramError(error.description, status: .usage)
        }
        return configuration
    }

    /// Of the projects that have an endpoint or a profile of their own.
    func routes() throws(ProgramError) -> [ProjectID: ProjectRoute] {
        var routes: [ProjectID: ProjectRoute] = [:]
        for (id, source) in options.projectEndpoints {
            do throws(EndpointError) {
                routes[id, default: ProjectRoute()].endpoint = try Endpoint.parse(
                    source, allowsHTTP: options.allowsHTTP, environment: environment)
            } catch {
                throw ProgramError("project_endpoints: \(error)", status: .usage)
            }
        }
        var stores: [String: CredentialStore] = [:]
        for (id, profile) in options.projectProfiles {
            if stores[profile] == nil {
                stores[profile] = CredentialStore(try credentials(profile: profile), environment: environment)
            }
            routes[id, default: ProjectRoute()].credentials = stores[profile]
        }
        return routes
    }

    /// Fails without credentials, or with a file of secrets that others can read. A metadata service is asked later.
    func checkCredentials() throws(ProgramError) {
        let store = CredentialStore(try credentials(), environment: environment)
        do throws(CredentialError) {
            guard try store.found() == nil, store.configuration.metadata == nil else { return }
            throw store.missing
        } catch {
            throw ProgramError(error.description)
        }
    }
}
