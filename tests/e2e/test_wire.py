"""Every byte that crossed the broker while the script was played: allowed fields only, and nobody in it."""

import base64
import hashlib
import json

import pytest

from scripts.site import play
from tests.contract.wire_checker import check_payload, record_kinds
from tests.e2e.conftest import PLAY_S, Played

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(PLAY_S)]

CALLERS = (play.ANNA, play.BEN, play.CARL, play.DORA, play.EMIL, play.FAYE, play.GWEN, play.HUGO, play.IRIS)
PEOPLE = (*CALLERS, play.NINA, play.NOEL)
AGENT = "王经纪"
KINDS = {
    "visit", "footfall", "consent", "withdrawal", "call", "health", "blind", "verdict", "erasure_receipt",
    "rights_package",
}  # fmt: skip


def spellings(number: str) -> list[str]:
    """Return a `+86…` number as people, programs and careless hashing write it."""
    national = number.removeprefix("+86")
    return [
        national, number, number[1:], f"0086{national}", national[::-1],
        f"{national[:3]}-{national[3:7]}-{national[7:]}", f"{national[:3]} {national[3:7]} {national[7:]}",
        f"{national[:3]}****{national[7:]}", f"{national[:3]}XXXX{national[7:]}",
    ]  # fmt: skip


def hidden(text: str) -> list[bytes]:
    """Return a text as JSON and GBK have it and hashed without a key; each plain, in hex and in base64."""
    forms = {text.encode(), text.encode("gbk"), text.encode("utf-16-le"), json.dumps(text)[1:-1].encode()}
    for raw in list(forms):
        forms |= {raw.hex().encode(), raw.hex().upper().encode(), *_base64(raw)}
    for name in ("md5", "sha1", "sha256", "sm3"):
        digest = hashlib.new(name, text.encode()).digest()
        forms |= {digest, digest.hex().encode(), digest.hex().upper().encode(), *_base64(digest)}
    return list(forms)


def _base64(raw: bytes) -> set[bytes]:
    """Return the part of the base64 of `raw` that doesn't depend on its neighbours, for each alignment."""
    found = set()
    for shift in range(3):
        text = base64.b64encode(b"\0" * shift + raw)
        found.add(text[(0, 2, 3)[shift] : (shift + len(raw)) * 8 // 6])
    return {one for one in found if len(one) >= 6}


def heard(played: Played) -> bytes:
    return b"\n".join(one.topic.encode() + b" " + one.payload for one in played.heard)


def test_every_payload_has_allowed_fields_only_P6(played: Played) -> None:
    assert len(played.heard) > 20, played.trouble + played.logs
    wrong = [(one.topic, found) for one in played.heard if (found := check_payload(one.payload))]
    assert not wrong, wrong[:5]


def test_both_directions_and_every_kind_of_record_were_heard(played: Played) -> None:
    """What didn't cross the wire, the test above hasn't looked at."""
    ends = {one.topic.removeprefix(played.topics) for one in played.heard}
    assert ends == {"up/batch", "down/receipt", "down/command"}
    kinds = {
        kind for one in played.heard if one.topic.endswith("batch") for kind in record_kinds(one.payload)
    }
    assert kinds >= KINDS, played.trouble


def test_nobody_speaks_outside_the_boxs_own_topics(played: Played) -> None:
    assert {one.topic for one in played.heard if not one.topic.startswith(played.topics)} == set()


@pytest.mark.parametrize("number", PEOPLE)
def test_no_phone_number_in_any_spelling_is_on_the_wire_P20(played: Played, number: str) -> None:
    wire = heard(played)
    for text in spellings(number):
        assert not [form for form in hidden(text) if form in wire], f"as {text}"


@pytest.mark.parametrize("field", ["name", "number", "birth", "address", "issuer"])
def test_nothing_of_the_card_is_on_the_wire(played: Played, field: str) -> None:
    wire = heard(played)
    assert not [form for form in hidden(play.CARD[field]) if form in wire]


def test_the_agent_is_not_named_on_the_wire(played: Played) -> None:
    wire = heard(played)
    assert not [form for form in hidden(AGENT) if form in wire]


@pytest.mark.parametrize("text", [play.ANNA, "13800138001", play.CARD["name"], AGENT])
def test_the_search_finds_what_is_there(text: str) -> None:
    """The same forms, in payloads that do hold them."""
    plain = json.dumps({"x": text}, ensure_ascii=False).encode()
    for shift in range(3):
        wrapped = base64.b64encode(b"_" * shift + plain)
        assert any(form in wrapped for form in hidden(text))
    for holder in (
        plain,
        json.dumps({"x": text}).encode(),
        hashlib.sha256(text.encode()).hexdigest().encode(),
    ):
        assert any(form in holder for form in hidden(text))
