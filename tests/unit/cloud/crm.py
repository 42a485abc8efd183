"""A CRM beside a headquarters: books with known numbers, and a search for them; for tests only."""

import base64
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Books:
    """Files of a CRM, and every number that stands in them as eleven digits."""

    channels: Path
    reports: Path
    deals: Path
    customers: Path
    numbers: tuple[str, ...]

    @property
    def files(self) -> tuple[tuple[str, Path], ...]:
        """Each book's kind and file, in the order in which a CRM brings them in."""
        return (
            ("channel", self.channels),
            ("report", self.reports),
            ("deal", self.deals),
            ("customer", self.customers),
        )

    @classmethod
    def write(cls, directory: Path, count: int, seed: int = 11) -> "Books":
        """Write `count` reports (a tenth of them masked), half as many deals, and as many customers."""
        chance = random.Random(seed)
        numbers = [f"1{chance.choice('3589')}{chance.randrange(10**9):09d}" for _ in range(2 * count)]
        ours, theirs = numbers[:count], numbers[count:]
        directory.mkdir(parents=True, exist_ok=True)
        channels, reports, deals, customers = (
            directory / f"{name}.csv" for name in ("channels", "reports", "deals", "customers")
        )
        made = cls(channels, reports, deals, customers, tuple(numbers))
        made.channels.write_text("渠道编号,渠道名称\nhongyuan,宏远地产\n")
        made.reports.write_bytes(_reports(ours).encode("gb18030"))
        made.deals.write_text(_deals(ours), encoding="utf-8-sig")
        made.customers.write_text(_customers(theirs), encoding="utf-8")
        return made


def _reports(numbers: list[str]) -> str:
    lines = ["报备编号,客户电话,渠道,工号,报备时间"]
    for n, phone in enumerate(numbers):
        shown = f"{phone[:3]}****{phone[7:]}" if n % 10 == 9 else f"{phone[:3]} {phone[3:7]} {phone[7:]}"
        lines.append(f"BB-{n},{shown},宏远地产,A-{n % 7},2026/11/{n % 20 + 1} 9:{n % 60:02d}")
    return "\r\n".join(lines)


def _deals(numbers: list[str]) -> str:
    lines = ["认购编号,渠道,买受人电话,认购时间,签约时间,归属"]
    for n, (one, other) in enumerate(zip(numbers[::2], numbers[1::2], strict=True)):
        lines.append(
            f"RG-{n},{'宏远地产' if n % 3 else ''},{one}；+86{other},2026-11-25 10:{n % 60:02d},,案场"
        )
    return "\n".join(lines)


def _customers(numbers: list[str]) -> str:
    lines = ["客户编号,手机号,登记时间"]
    return "\n".join(lines + [f"KH-{n},{phone},2019-05-{n % 28 + 1:02d}" for n, phone in enumerate(numbers)])


def spellings(number: str) -> Iterator[bytes]:
    """Return how a careless program would leave a number: whole, its last eight digits, masked; as bytes."""
    masked = (f"{number[:3]}****{number[7:]}", f"{number[:3]}xxxx{number[7:]}")
    for text in (number, number[-8:], *masked):
        for plain in (text.encode(), text.encode("utf-16-le"), text.encode("utf-16-be")):
            yield plain
            yield plain.hex().encode()
            yield plain.hex().upper().encode()
            yield from _base64(plain)


def _base64(plain: bytes) -> Iterator[bytes]:
    """The part of the base64 that doesn't depend on its neighbours, for each way in which they may stand."""
    for shift in range(3):
        text = base64.b64encode(b"\0" * shift + plain)
        yield text[(0, 2, 3)[shift] : (shift + len(plain)) * 8 // 6]


class NumberSearch:
    """Looks for numbers in any spelling, with one pass over the bytes for each length of a spelling.

    Eight digits stand in many a time and hash by chance: they count where no digit of such is beside them.
    """

    def __init__(self, numbers: Iterable[str]) -> None:
        self._needles: dict[int, set[bytes]] = {}
        for number in numbers:
            for one in spellings(number):
                self._needles.setdefault(len(one), set()).add(one)

    def found(self, data: bytes) -> int:
        """Return how many spellings stand in `data`."""
        return sum(
            self._stands_alone(data, at, length)
            for length, needles in self._needles.items()
            for at in range(len(data) - length + 1)
            if data[at : at + length] in needles
        )

    @staticmethod
    def _stands_alone(data: bytes, at: int, length: int) -> bool:
        beside = data[max(0, at - 1) : at] + data[at + length : at + length + 1]
        return length > 8 or not any(chr(one) in "0123456789abcdef" for one in beside)
