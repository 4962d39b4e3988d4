"""This machine: its programs, ports, cores and description; and how the tools talk to the person before them."""
import os
import platform
import random
import shutil
import socket
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PROGRAMS = ROOT / ".build" / "release"
CERTIFICATES = ROOT / "certs" / "out"
AUTHORITY = CERTIFICATES / "ca.pem"
CERTIFICATE = CERTIFICATES / "server" / "localhost.ecdsa.pem"
RESULTS = ROOT / "Benchmarks" / "results"


def fail(text):
    sys.exit(f"{Path(sys.argv[0]).name}: {text}")


def say(text):
    print(text, flush=True)


def program(name):
    """The path of a program; servers are often outside the PATH of ordinary users."""
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


def need(path, remedy):
    """The path as text if it is a program; otherwise ends with a message that says what to do."""
    if not os.access(path, os.X_OK) or os.path.isdir(path):
        fail(f"there is no program {path}: {remedy}")
    return str(path)


def need_certificates():
    AUTHORITY.exists() and CERTIFICATE.exists() or fail("there are no certificates: run `make certs`")


def free_ports(count):
    """Ports that are free for TCP and UDP. All are held until all are chosen, so that they differ. They are below those
    that the kernel gives to clients: thousands of these come and go here."""
    low = 32768
    try:
        low = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except (OSError, ValueError):
        pass
    choice = range(10_000, low) if low > 12_000 else range(40_000, 65_000)
    held, ports = [], []
    for port in random.sample(choice, min(len(choice), 200 + 4 * count)):
        if len(ports) == count:
            break
        tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        held += [tcp, udp]
        try:
            tcp.bind(("127.0.0.1", port))
            udp.bind(("127.0.0.1", port))
        except OSError:
            continue
        ports.append(port)
    for each in held:
        each.close()
    len(ports) == count or fail(f"there are no {count} free ports from {choice[0]} to {choice[-1]}: what holds them?")
    return ports


def cores():
    """The first two cores this process may use: the proxies' and the load's (the same if there is one only)."""
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[0], allowed[min(1, len(allowed) - 1)]


def description():
    """The machine in a few words, for the page and the JSON file."""
    facts = {"kernel": os.uname().release, "cores": os.cpu_count(), "processor": platform.machine()}
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                facts["processor"] = line.split(":", 1)[1].strip()
                break
        facts["memory_gb"] = round(int(Path("/proc/meminfo").read_text().split()[1]) / 2**20, 1)
        for line in Path("/etc/os-release").read_text().splitlines():
            if line.startswith("PRETTY_NAME="):
                facts["system"] = line.split("=", 1)[1].strip('"')
    except (OSError, IndexError, ValueError):
        pass
    return facts
