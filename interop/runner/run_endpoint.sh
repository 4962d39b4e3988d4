#!/usr/bin/env bash
# Portico as an endpoint of the QUIC interop runner, which sets ROLE, TESTCASE (and TESTCASE_CLIENT, TESTCASE_SERVER),
# REQUESTS and SSLKEYLOGFILE, and mounts /www, /downloads, /certs and /logs.
#
# It answers 127 to a test case it does not know: the runner then shows it as unsupported. As server Portico speaks
# HTTP/3 only, and most of the runner's cases speak HTTP/0.9 ("hq-interop"); so those that it plays are HTTP/3's.
set -euo pipefail

readonly role=${ROLE:?ROLE must be client or server}
readonly upper=$(tr a-z A-Z <<<"$role")
readonly special=TESTCASE_$upper
readonly case=${!special:-${TESTCASE:?TESTCASE is not set}}
readonly programs=${PROGRAMS:-/opt/portico/bin}
readonly www=${WWW:-/www} downloads=${DOWNLOADS:-/downloads} certs=${CERTS:-/certs} logs=${LOGS:-/logs}

# What each role plays. A line here is a promise; all else is unsupported.
case "$role/$case" in
    server/http3) ;;
    client/http3) ;;
    *)
        echo "run_endpoint: Portico as $role does not know the test case '$case'" >&2
        exit 127
        ;;
esac

# The runner's routes. A dry run outside of its containers has none.
[ ! -x /setup.sh ] || /setup.sh

readonly own=$(mktemp -d)

server() {
    cat "$certs/cert.pem" "$certs/priv.key" >"$own/portico.pem"
    python3 -m http.server --protocol HTTP/1.1 --bind 127.0.0.1 --directory "$www" 8000 >>"$logs/origin.log" 2>&1 &
    cat >"$own/portico.cfg" <<CFG
global
    log stdout format raw local0
defaults
    mode http
    log global
    option httplog
    timeout connect 5s
    timeout client 60s
    timeout server 60s
frontend runner
    bind quic4@:${PORT:-443} ssl crt $own/portico.pem alpn h3
    bind quic6@:${PORT:-443} ssl crt $own/portico.pem alpn h3 v6only
    default_backend files
backend files
    server www 127.0.0.1:8000
CFG
    # exec: the runner stops the container by a signal to this process.
    exec "$programs/portico" -db -f "$own/portico.cfg" >>"$logs/portico.log" 2>&1
}

# Asks Portico for the path $1 of the host $2, and saves it.
fetch() {
    python3 - "$1" "$downloads/${1##*/}" "$2" <<'PYTHON'
import http.client, shutil, sys
path, file, name = sys.argv[1:]
connection = http.client.HTTPConnection("127.0.0.1", 8080, timeout=60)
connection.request("GET", path, headers={"host": name})
response = connection.getresponse()
with open(file, "wb") as out:
    shutil.copyfileobj(response, out)
sys.exit(0 if response.status == 200 else 1)
PYTHON
}

# A client of its own would be another program to trust; Portico's own client is a backend. So each file is asked of
# Portico in HTTP/1.1, and Portico asks the server in HTTP/3.
client() {
    [ ! -x /wait-for-it.sh ] || /wait-for-it.sh sim:57832 -s -t 30
    local first host port
    read -r first _ <<<"${REQUESTS:?REQUESTS is empty}"
    host=${first#https://} host=${host%%/*}
    port=${host##*:}
    [ "$port" != "$host" ] || port=443
    local name=${host%:*}
    cat >"$own/portico.cfg" <<CFG
global
    log stdout format raw local0
    nbthread 1
defaults
    mode http
    log global
    option httplog
    timeout connect 20s
    timeout client 60s
    timeout server 60s
frontend runner
    bind 127.0.0.1:8080
    default_backend peer
backend peer
    http-reuse always
    server peer quic4@$name:$port ssl verify none sni str($name) alpn h3
CFG
    "$programs/portico" -db -f "$own/portico.cfg" >>"$logs/portico.log" 2>&1 &
    portico=$!
    local status=0
    trap 'kill $portico 2>/dev/null || true' EXIT
    for _ in $(seq 100); do
        (exec 3<>/dev/tcp/127.0.0.1/8080) 2>/dev/null && break
        sleep 0.05
    done
    local url first=yes jobs=()
    for url in $REQUESTS; do
        fetch "/${url#https://*/}" "$name" &
        jobs+=($!)
        # The first request opens the connection that the others share: the runner counts handshakes.
        [ -z "$first" ] || wait $! || status=1
        first=
    done
    for job in "${jobs[@]}"; do wait "$job" || status=1; done
    return $status
}

"$role"
