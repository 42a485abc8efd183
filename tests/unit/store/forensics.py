"""Looks at a store as an examiner does: decrypts every page, used or free, reads memory, searches bytes."""

import base64
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

PAGE = 4096
RESERVE = 80
"""SQLCipher 4: each page ends with its 16-byte IV and a 64-byte HMAC."""
_WAL_HEADER, _FRAME_HEADER, _JOURNAL_SECTOR = 32, 24, 512


def pages(path: Path, key: bytes) -> bytes:
    """Return every page of a SQLCipher 4 file in the clear, free ones and the slack of each included."""
    raw = path.read_bytes()
    assert len(raw) % PAGE == 0
    return b"".join(_page(raw[at : at + PAGE], key, first=at == 0) for at in range(0, len(raw), PAGE))


def wal(path: Path, key: bytes) -> bytes:
    """Return every frame of a write-ahead log in the clear, those of earlier rounds included."""
    raw = path.read_bytes() if path.exists() else b""
    step, found = _FRAME_HEADER + PAGE, b""
    for at in range(_WAL_HEADER, len(raw) - step + 1, step):
        number = int.from_bytes(raw[at : at + 4], "big")
        found += _page(raw[at + _FRAME_HEADER : at + step], key, first=number == 1)
    return found


def journal(path: Path, key: bytes) -> bytes:
    """Return what a rollback journal holds in the clear, at whatever offset a page may begin."""
    raw = path.read_bytes() if path.exists() else b""
    step = 4 + PAGE + 4
    return b"".join(
        _page(raw[at + 4 : at + 4 + PAGE], key, first=False)
        for at in range(_JOURNAL_SECTOR, len(raw) - step + 1, step)
    )


def _page(page: bytes, key: bytes, *, first: bool) -> bytes:
    salt = 16 if first else 0
    body, iv = page[salt : PAGE - RESERVE], page[PAGE - RESERVE : PAGE - RESERVE + 16]
    decryptor = Cipher(algorithms.AES256(key), modes.CBC(iv)).decryptor()
    return decryptor.update(body) + decryptor.finalize()


def memory(pid: int) -> bytes:
    """Return all that a process may have written: its private and anonymous memory."""
    found = []
    with Path(f"/proc/{pid}/maps").open() as maps, Path(f"/proc/{pid}/mem").open("rb", 0) as mem:
        for line in maps:
            span, rights, *_rest = line.split()
            if "w" not in rights or "[v" in line:
                continue
            start, end = (int(part, 16) for part in span.split("-"))
            mem.seek(start)
            found.append(mem.read(end - start))
    return b"".join(found)


def forms(plain: bytes) -> Iterator[bytes]:
    """The spellings in which a careless program would leave it; none shorter than what can be searched."""
    spelled = [plain, plain.hex().encode(), plain.hex().upper().encode()]
    spelled += [base64.b64encode(plain[(3 - shift) % 3 :])[:-4] for shift in range(3)]
    if re.fullmatch(rb"[\x20-\x7e]*|(?:[\x20-\x7e]|[\xe4-\xe9][\x80-\xbf]{2})*", plain):
        spelled.append(plain.decode().encode("utf-16-le"))
    yield from (one for one in spelled if len(one) >= 8)


class Finder:
    """Searches an image for many byte strings at once, by their first eight bytes."""

    def __init__(self, needles: Mapping[str, bytes]) -> None:
        """`needles`: what to look for, by a name for it; each in all its `forms`."""
        self._by_start: dict[int, list[tuple[bytes, str]]] = defaultdict(list)
        for name, plain in needles.items():
            for form in forms(plain):
                self._by_start[int.from_bytes(form[:8], "little")].append((form, name))
        self._starts = np.array(sorted(self._by_start), dtype="<u8")
        self._likely = np.zeros(1 << 24, dtype=bool)
        self._likely[(self._starts & 0xFFFFFF).astype(np.int64)] = True

    def found(self, image: bytes) -> set[str]:
        """Return the names of what stands in `image`."""
        hits: set[str] = set()
        chunk = 1 << 25
        for base in range(0, len(image), chunk):
            part = image[base : base + chunk + 4096]  # what begins near the end is seen whole
            for shift in range(8):
                count = (len(part) - shift) // 8
                if count <= 0:
                    continue
                words = np.frombuffer(part, "<u8", count, shift)
                at = np.flatnonzero(self._likely[(words & 0xFFFFFF).astype(np.int32)])
                at = at[np.isin(words[at], self._starts)]
                for position in (shift + 8 * int(one) for one in at):
                    start = int.from_bytes(part[position : position + 8], "little")
                    hits |= {n for form, n in self._by_start[start] if part.startswith(form, position)}
        return hits
