#!/usr/bin/env bash
# Portico as an endpoint of the QUIC interop runner, which sets ROLE, TESTCASE (and TESTCASE_CLIENT, TESTCASE_SERVER),
# REQUESTS, SSLKEYLOGFILE and QLOGDIR, and mounts /www, /downloads, /certs and /logs. SERVER_PARAMS and CLIENT_PARAMS go to
# Portico's command line.
#
# It answers 127 to a test case it does not know: the runner then shows it as unsupported. As server Portico speaks
# HTTP/3 only, and most of the runner's cases speak HTTP/0.9 ("hq-interop"); so those that it plays are HTTP/3's.
set -euo pipefail

readonly role=${ROLE:?ROLE must be client or server}
readonly upper=$(tr a-z A-Z <<<"$role")
readonly special=TESTCASE_$upper
readonly case=${!special:-${TESTCASE:?TESTCASE is not set}}
readonly programs=${PROGRAMS:-/opt/portico/bin} libraries=${LIBRARIES:-}
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
read -ra parameters <<<"$([ "$role" = server ] && echo "${SERVER_PARAMS:-}" || echo "${CLIENT_PARAMS:-}")"
readonly command=(env ${libraries:+LD_LIBRARY_PATH="$libraries"} "$programs/portico" -db -f "$own/portico.cfg"
    ${parameters[@]+"${parameters[@]}"})

# What both roles configure. The socket is for qlog, which the runtime API switches on.
common() {
    cat <<CFG
global
    log stdout format raw local0
    stats socket $own/portico.sock mode 600 level admin
defaults
    mode http
    log global
    option httplog
    timeout connect 20s
    timeout client 60s
    timeout server 60s
CFG
}

# Waits until somebody listens on the TCP port $1 here.
listening() {
    for _ in $(seq 200); do
        (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null && return
        sleep 0.05
    done
    echo "run_endpoint: nobody listens on port $1" >&2
    return 1
}

# Lets Portico write qlog files, as soon as it is there to be told so.
qlog() {
    [ -n "${QLOGDIR:-}" ] || return 0
    mkdir -p "$QLOGDIR"
    python3 - "$own/portico.sock" "$QLOGDIR" <<'PYTHON'
import socket, sys, time
path, folder = sys.argv[1:]
for _ in range(200):
    api = socket.socket(socket.AF_UNIX)
    try:
        api.connect(path)
        break
    except OSError:
        time.sleep(0.05)
else:
    sys.exit("run_endpoint: no runtime API to switch qlog on")
api.sendall(f"set quic qlog on {folder}\n".encode())
print(api.recv(4096).decode().strip() or "qlog is on")
PYTHON
}

server() {
    cat "$certs/cert.pem" "$certs/priv.key" >"$own/portico.pem"
    python3 -m http.server --protocol HTTP/1.1 --bind 127.0.0.1 --directory "$www" 8000 >>"$logs/origin.log" 2>&1 &
    {
        common
        cat <<CFG
frontend runner
    bind quic4@:${PORT:-443} ssl crt $own/portico.pem alpn h3
    bind quic6@:${PORT:-443} ssl crt $own/portico.pem alpn h3 v6only
    default_backend files
backend files
    server www 127.0.0.1:8000
CFG
    } >"$own/portico.cfg"
    listening 8000
    qlog >>"$logs/portico.log" 2>&1 &
    # exec: the runner stops the container by a signal to this process.
    exec "${command[@]}" >>"$logs/portico.log" 2>&1
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
    local first host port family=quic4
    read -r first _ <<<"${REQUESTS:?REQUESTS is empty}"
    host=${first#https://} host=${host%%/*}
    port=${host##*:}
    [ "$port" != "$host" ] || port=443
    local name=${host%:*}
    getent ahostsv4 "$name" >/dev/null || family=quic6
    {
        common
        cat <<CFG
frontend runner
    bind 127.0.0.1:8080
    default_backend peer
backend peer
    http-reuse always
    server peer $family@$name:$port ssl verify none sni str($name) alpn h3
CFG
    } >"$own/portico.cfg"
    # One worker: connections belong to workers, and the runner counts handshakes.
    sed -i 's/^global$/global\n    nbthread 1/' "$own/portico.cfg"
    "${command[@]}" >>"$logs/portico.log" 2>&1 &
    portico=$!
    local status=0
    # A signal, not a kill: the connection is closed, and its logs are written to the end.
    trap 'kill $portico 2>/dev/null || true; wait $portico 2>/dev/null || true' EXIT
    listening 8080
    qlog >>"$logs/portico.log" 2>&1 || status=1
    local url first=yes jobs=()
    for url in $REQUESTS; do
        fetch "/${url#https://*/}" "$name" &
        jobs+=($!)
        # The first request opens the connection that the others share.
        [ -z "$first" ] || wait $! || status=1
        first=
    done
    for job in "${jobs[@]}"; do wait "$job" || status=1; done
    return $status
}

mkdir -p "$logs"
"$role"
