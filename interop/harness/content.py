"""What is served: files whose names tell their size, and whose bytes anyone can compute."""

import hashlib
from functools import cache
from pathlib import Path

SIZES = (32, 1_000, 10_000, 100_000, 200_000, 500_000, 1_000_000, 2_000_000, 3_000_000)


def path_of(size: int) -> str:
    """The path of the file of that size."""
    return f"/file-{size}.txt"


@cache
def body(size: int) -> bytes:
    """The bytes of a file or of an upload of that size: digits over and over."""
    return (b"0123456789" * (size // 10 + 1))[:size]


@cache
def digest(size: int) -> str:
    """SHA-256 of that body, in hexadecimal digits."""
    return hashlib.sha256(body(size)).hexdigest()


def write(folder: Path) -> None:
    """Writes all files, for servers that give away a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for size in SIZES:
        (folder / path_of(size)[1:]).write_bytes(body(size))
