"""Opens QUIC packets: keys from the first connection ID or from a key log (RFC 9001, RFC 9369)."""

import hashlib
import hmac
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

from .packets import V1, V2, V2_DRAFT

AES_128, AES_256, CHACHA20 = 0x1301, 0x1302, 0x1303
SUITE_NAMES = {AES_128: "AES_128_GCM", AES_256: "AES_256_GCM", CHACHA20: "CHACHA20_POLY1305", 0x1304: "AES_128_CCM"}
_SALTS = {
    V1: bytes.fromhex("38762cf7f55934b34d179ae6a4c80cadccbb7f0a"),
    V2: bytes.fromhex("0dede3def700a6db819381be6e269dcbf9bd2ed9"),
    V2_DRAFT: bytes.fromhex("a707c203a59b47184a1d62ca570406ea7ae3e5d3"),
}


def _expand(secret: bytes, label: str, size: int, digest: str) -> bytes:
    """HKDF-Expand-Label without context (RFC 8446, section 7.1)."""
    name = b"tls13 " + label.encode()
    info = size.to_bytes(2, "big") + bytes([len(name)]) + name + b"\0"
    made, block, counter = b"", b"", 1
    while len(made) < size:
        block = hmac.new(secret, block + info + bytes([counter]), digest).digest()
        made += block
        counter += 1
    return made[:size]


def initial_secrets(version: int, destination: bytes) -> tuple[bytes, bytes]:
    """The Initial secrets of client and server for the client's first destination connection ID."""
    common = hmac.new(_SALTS[version], destination, hashlib.sha256).digest()
    return _expand(common, "client in", 32, "sha256"), _expand(common, "server in", 32, "sha256")


@dataclass(frozen=True)
class Opened:
    """A packet after its protection is taken off."""

    first: int
    number: int
    payload: bytes

    @property
    def key_phase(self) -> int:
        """The key phase bit of a 1-RTT packet."""
        return (self.first >> 2) & 1


class Keys:
    """The keys that one secret gives in one direction."""

    def __init__(self, secret: bytes, suite: int, version: int, header_key: bytes | None = None) -> None:
        self.secret, self.suite, self.version = secret, suite, version
        self._digest = "sha384" if suite == AES_256 else "sha256"
        self._prefix = "quic " if version == V1 else "quicv2 "
        size = 16 if suite == AES_128 else 32
        key = _expand(secret, self._prefix + "key", size, self._digest)
        self._iv = _expand(secret, self._prefix + "iv", 12, self._digest)
        self._header_key = header_key or _expand(secret, self._prefix + "hp", size, self._digest)
        self._aead = ChaCha20Poly1305(key) if suite == CHACHA20 else AESGCM(key)

    def next(self) -> "Keys":
        """The keys after a key update; header protection stays (RFC 9001, section 6)."""
        secret = _expand(self.secret, self._prefix + "ku", len(self.secret), self._digest)
        return Keys(secret, self.suite, self.version, self._header_key)

    def _mask(self, sample: bytes) -> bytes:
        if self.suite == CHACHA20:
            return Cipher(algorithms.ChaCha20(self._header_key, sample), None).encryptor().update(bytes(5))
        return Cipher(algorithms.AES(self._header_key), modes.ECB()).encryptor().update(sample)[:5]

    def open(self, packet: bytes, number_offset: int, expected: int) -> Opened | None:
        """The packet in the clear, or None when these are not its keys; `expected` is the next packet number."""
        sample = packet[number_offset + 4 : number_offset + 20]
        if len(sample) < 16:
            return None
        mask = self._mask(sample)
        first = packet[0] ^ (mask[0] & (0x0F if packet[0] & 0x80 else 0x1F))
        size = (first & 3) + 1
        end = number_offset + size
        short = bytes(a ^ b for a, b in zip(packet[number_offset:end], mask[1 : 1 + size]))
        number = _full_number(int.from_bytes(short, "big"), size, expected)
        head = bytes([first]) + packet[1:number_offset] + short
        nonce = (int.from_bytes(self._iv, "big") ^ number).to_bytes(12, "big")
        try:
            return Opened(first, number, self._aead.decrypt(nonce, packet[end:], head))
        except InvalidTag:
            return None


def _full_number(short: int, size: int, expected: int) -> int:
    """RFC 9000, appendix A.3."""
    window = 1 << (8 * size)
    candidate = (expected & ~(window - 1)) | short
    if candidate <= expected - window // 2 and candidate < (1 << 62) - window:
        return candidate + window
    if candidate > expected + window // 2 and candidate >= window:
        return candidate - window
    return candidate


def key_log(text: str) -> dict[bytes, dict[str, bytes]]:
    """An NSS key log: for each client random, the secrets by their labels."""
    secrets: dict[bytes, dict[str, bytes]] = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) != 3 or line.startswith("#"):
            continue
        try:
            secrets.setdefault(bytes.fromhex(words[1]), {})[words[0]] = bytes.fromhex(words[2])
        except ValueError:
            continue
    return secrets
