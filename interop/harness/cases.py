"""The test cases of QUIC, as the QUIC interop runner defines them, and who can play them."""

from collections.abc import Callable
from dataclasses import dataclass

from . import checks
from .checks import Played
from .clients import Client
from .forwarder import LinkPlan
from .link import LinkSettings
from .processes import Unsupported
from .servers import Server

MEGABIT = 1_000_000
WIRE = LinkSettings(delay=0.015, rate=10 * MEGABIT, queue=25)
"""The runner's usual link: 10 Mbit/s, 30 ms there and back, a queue of 25 packets."""
FAST = LinkSettings(delay=0.005)


@dataclass(frozen=True)
class Case:
    """One test case."""

    name: str
    letter: str
    about: str
    check: Callable[[Played], str | None]
    """Raises Failure; may return a measurement to show."""
    sizes: tuple[int, ...] = (1_000,)
    link: LinkPlan = LinkPlan.both(FAST)
    knob: str = ""
    separately: bool = False
    host: str = "127.0.0.1"
    timeout: float = 30.0
    needs_parallel: bool = False
    versions: tuple[int, ...] = (3,)

    @property
    def hinders_handshakes(self) -> bool:
        """The link takes so much away that a handshake may last longer than a peer waits."""
        ways = (self.link.to_server, self.link.to_client)
        return any(max(one.loss, one.corrupt) > 0.1 for one in ways)


def _lossy(name: str, letter: str, transfer: bool, corrupt: bool) -> Case:
    """The four cases of loss and corruption: 30 % on many handshakes, 2 % on one transfer."""
    share = 0.02 if transfer else 0.3
    change = {"corrupt": share, "corrupt_burst": 3} if corrupt else {"loss": share, "loss_burst": 3}
    what = ("corrupted" if corrupt else "lost") + (", one transfer" if transfer else ", several handshakes")
    return Case(
        name,
        letter,
        f"{share:.0%} of the datagrams {what}",
        checks.plain,
        sizes=(2_000_000,) if transfer else (1_000,) * 5,
        separately=not transfer,
        link=LinkPlan.both(WIRE.with_changes(**change)),
        timeout=60 if transfer else 90,
    )


REBIND_SIZES = (2_000_000,)
TRANSPORT: tuple[Case, ...] = (
    Case("handshake", "H", "one small file, no Retry", checks.handshake),
    Case("transfer", "DC", "3 MB, flow control", checks.plain, (3_000_000,), LinkPlan.both(WIRE)),
    Case("longrtt", "LR", "1.5 s there and back", checks.longrtt, link=LinkPlan.both(LinkSettings(delay=0.75))),
    Case("chacha20", "C20", "only ChaCha20-Poly1305", checks.chacha20, knob="chacha20"),
    Case("multiplexing", "M", "150 files on one connection", checks.multiplexing, (32,) * 150, needs_parallel=True),
    Case("retry", "S", "the server validates by Retry", checks.retry, knob="retry"),
    Case("resumption", "R", "a second connection resumes", checks.resumption, (1_000, 1_000), knob="resumption"),
    Case("zerortt", "Z", "requests as early data", checks.zerortt, (1_000, 1_000), knob="zerortt"),
    Case(
        "http3",
        "3",
        "three files in parallel over HTTP/3",
        checks.plain,
        (10_000, 100_000, 500_000),
        needs_parallel=True,
    ),
    Case(
        "blackhole",
        "B",
        "nothing passes for 2 s",
        checks.plain,
        (2_000_000,),
        LinkPlan.both(WIRE.with_changes(blackhole=(0.5, 2.0))),
    ),
    Case(
        "keyupdate",
        "U",
        "new keys in mid-connection",
        checks.keyupdate,
        (500_000, 500_000),
        LinkPlan.both(WIRE),
        "keyupdate",
    ),
    Case("ecn", "E", "both ends mark and report ECN", checks.ecn, (100_000,), knob="ecn"),
    Case(
        "amplificationlimit",
        "A",
        "3 × at most before validation",
        checks.amplification,
        link=LinkPlan(FAST.with_changes(drop_numbers=frozenset(range(2, 8))), FAST),
        knob="large certificate",
        timeout=60,
    ),
    _lossy("handshakeloss", "L1", transfer=False, corrupt=False),
    _lossy("transferloss", "L2", transfer=True, corrupt=False),
    _lossy("handshakecorruption", "C1", transfer=False, corrupt=True),
    _lossy("transfercorruption", "C2", transfer=True, corrupt=True),
    Case("ipv6", "6", "over ::1", checks.ipv6, host="::1"),
    Case("v2", "V2", "QUIC version 2 by compatible negotiation", checks.version2, knob="v2"),
    Case(
        "rebind-port",
        "BP",
        "the client's port changes",
        checks.rebinding,
        REBIND_SIZES,
        LinkPlan.both(WIRE, rebind_after=0.5),
    ),
    Case(
        "rebind-addr",
        "BA",
        "the client's address changes",
        checks.rebinding,
        REBIND_SIZES,
        LinkPlan.both(WIRE, rebind_after=0.5, rebind="address"),
    ),
    Case(
        "connectionmigration",
        "CM",
        "the client moves to another port with a new connection ID",
        checks.migration,
        (500_000, 500_000),
        LinkPlan.both(WIRE),
        "migrate",
    ),
    Case("goodput", "G", "throughput on 10 Mbit/s", checks.goodput, (3_000_000,), LinkPlan.both(WIRE)),
    Case(
        "crosstraffic",
        "C",
        "the same beside 5 Mbit/s of others'",
        checks.crosstraffic,
        (2_000_000,),
        LinkPlan.both(WIRE, cross_rate=5 * MEGABIT),
        timeout=60,
    ),
)


def can(client: Client, server: Server, case: Case) -> None:
    """Raises Unsupported, with the reason, when one of the two cannot play the case."""
    if case.knob == "ecn":
        for peer in (client, server):
            if not peer.ecn:
                raise Unsupported(f"{peer.name} does not mark its datagrams")
        return
    if case.knob == "v2":
        asks = [peer for peer in (client, server) if "v2" in peer.knobs]
        if not asks:
            raise Unsupported(f"neither {client.name} nor {server.name} can be told to prefer version 2")
        if not client.follows_to_v2 or not server.follows_to_v2:
            other = server if client.follows_to_v2 else client
            raise Unsupported(f"{other.name} does not change to version 2 in the handshake")
        return
    for peer, role in ((client, "client"), (server, "server")):
        if case.knob not in peer.knobs:
            raise Unsupported(f"the {role} {peer.name} has no means for it")
    if case.needs_parallel and not client.parallel:
        raise Unsupported(f"the client {client.name} sends one request at a time")
