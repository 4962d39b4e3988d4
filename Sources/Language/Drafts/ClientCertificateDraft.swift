import Configuration

/// What a line says of clients' certificates.
struct ClientCertificateDraft: Sendable {
    var settings = ClientCertificateSettings()
    /// `ca-base`.
    let authorityBase: String

    /// The settings. Throws when there is nobody to trust.
    func checked() throws(AssemblyError) -> ClientCertificateSettings {
        if settings.mode != .none, settings.authorities == nil, settings.unnamedAuthorities == nil {
            throw AssemblyError(message: "verify is enabled but no CA file specified")
        }
        return settings
    }
}
