// SPDX-License-Identifier: Apache-2.0

import IESService

/// Looks at everything a mount needs, in the order in which it needs it.
struct Doctor {
    /// A region or a URL; nil: the service is not looked at.
    let source: String?
    /// The texts after each `-o`.
    let arguments: [String]
    let environment: [String: String]
    let configuration: (path: String, isRequired: Bool)
    let workingDirectory: String

    func run() -> DoctorReport {
        var findings = MachineFindings.versions
        let resolved: ResolvedOptions
        do throws(OptionError) {
            resolved = try resolve()
        } catch {
            findings += MachineFindings.kernel(MountOptions(), path: environment["PATH", default: ""])
            findings.append(
                .failed(.configuration, "options", error.description, advice: "mend it; what follows was not looked at")
            )
            return DoctorReport(findings: findings + MountFindings.all())
        }
        findings += MachineFindings.kernel(resolved.options, path: environment["PATH", default: ""])
        findings.append(ConfigurationFindings.file(configuration.path))
        findings += ConfigurationFindings.options(resolved)
        findings += service(resolved)
        return DoctorReport(findings: findings + MountFindings.all())
    }

    private func resolve() throws(OptionError) -> ResolvedOptions {
        let values = try ConfigurationFile.values(
            ofFile: configuration.path, isRequired: configuration.isRequired)
        return try ResolvedOptions(
            arguments: arguments, environment: environment, file: (configuration.path, values),
            workingDirectory: workingDirectory)
    }

    private func service(_ resolved: ResolvedOptions) -> [Finding] {
        let job: MountJob
        do throws(ProgramError) {
            // Without a source nobody asks the endpoint, which only has to be one.
            job = try MountJob(
                source: source ?? "https://localhost", locatedMountpoint: "/", resolved: resolved,
                environment: environment)
        } catch {
            return [
                .failed(.configuration, "source", error.description, advice: "mend it; the service was not looked at")
            ]
        }
        guard source != nil else {
            return CredentialFindings.unasked(job) + [
                .note(.network, "endpoint", "not looked at", advice: "give SOURCE, as to iesfs mount")
            ] + CacheFindings.all(job)
        }
        do throws(ProgramError) {
            let probe = try ServiceProbe(job)
            defer { probe.close() }
            let credentials = CredentialFindings.asked(probe)
            let hasCredentials = !credentials.contains { $0.verdict == .failed }
            return credentials + NetworkFindings(probe: probe, hasCredentials: hasCredentials).all()
                + CacheFindings.all(job)
        } catch {
            return [
                .failed(.configuration, "source", error.description, advice: "mend it; the service was not looked at")
            ]
        }
    }
}
