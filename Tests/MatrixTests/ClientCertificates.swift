import TestSupport

/// Certificates of clients, and the authorities that sign them, made anew in a folder:
///
/// - `root.pem`, `issuer.pem` (which root has signed); `authorities.pem` has both.
/// - `good.pem`, `expired.pem`, `revoked.pem`, signed by the issuer, `stranger.pem`, by itself: certificate, issuer and key.
/// - `lists.pem`: the revocation lists of both authorities; `empty.pem`: the same with nothing in them.
struct ClientCertificates: Sendable {
    let folder: ListenerFolder

    init(in folder: ListenerFolder) async throws {
        self.folder = folder
        let script = try folder.write("make.sh", Self.script)
        let result = try await ChildProcess.run("bash", [script, folder.path])
        guard result.status == 0 else {
            throw SupportError.failed(
                command: "make.sh", status: result.status, output: result.output + result.errors)
        }
    }

    func path(_ name: String) -> String { "\(folder.path)/\(name).pem" }

    private static let script = """
        set -e
        cd "$1"
        key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1.key"; }
        cat > ca.cnf <<END
        [ca]
        default_ca = own
        [own]
        dir = $1
        database = $1/index.txt
        new_certs_dir = $1
        serial = $1/serial
        default_md = sha256
        default_crl_days = 3650
        policy = any
        unique_subject = no
        [any]
        organizationName = optional
        commonName = supplied
        [authority]
        basicConstraints = critical,CA:TRUE
        keyUsage = keyCertSign,cRLSign
        subjectKeyIdentifier = hash
        [client]
        basicConstraints = CA:FALSE
        extendedKeyUsage = clientAuth
        END
        touch index.txt
        echo 1001 > serial
        key root
        openssl req -x509 -new -key root.key -subj "/O=Portico/CN=Root" -days 3650 -out root.pem \\
            -addext keyUsage=keyCertSign,cRLSign
        sign() { # authority, name, subject, extensions, start, end
            openssl req -new -key "$2.key" -subj "$3" -out "$2.csr"
            openssl ca -batch -notext -config ca.cnf -cert "$1.pem" -keyfile "$1.key" -in "$2.csr" -out "$2.crt" \\
                -extensions "$4" -startdate "$5" -enddate "$6"
        }
        key issuer
        sign root issuer "/O=Portico/CN=Issuer" authority 20240101000000Z 20560101000000Z
        cp issuer.crt issuer.pem
        cat issuer.pem root.pem > authorities.pem
        openssl ca -config ca.cnf -cert root.pem -keyfile root.key -gencrl -out root.crl
        openssl ca -config ca.cnf -cert issuer.pem -keyfile issuer.key -gencrl -out issuer.crl
        cat root.crl issuer.crl > empty.pem
        for name in good expired revoked; do
            key $name
            end=20560101000000Z
            if [ $name = expired ]; then end=20250101000000Z; fi
            sign issuer $name "/O=Portico/CN=$name" client 20240101000000Z $end
            cat $name.crt issuer.pem $name.key > $name.pem
        done
        openssl ca -config ca.cnf -cert issuer.pem -keyfile issuer.key -revoke revoked.crt
        openssl ca -config ca.cnf -cert issuer.pem -keyfile issuer.key -gencrl -out issuer.crl
        cat root.crl issuer.crl > lists.pem
        key stranger
        openssl req -x509 -new -key stranger.key -subj "/O=Portico/CN=stranger" -days 3650 -out stranger.crt
        cat stranger.crt stranger.key > stranger.pem
        """
}
