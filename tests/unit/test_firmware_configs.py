"""Every profile in firmware-configs/ is a device that the product's own configuration accepts."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from edge.config import _devices  # the very function that reads [[devices]] of a box's file

ROOT = Path(__file__).parents[2] / "firmware-configs"
PROFILES = sorted(ROOT.glob("*/*.toml"))
KINDS_OF = {"cameras": {"rtsp"}, "terminals": {"card_serial", "card_keyboard"}, "phones": {"sip"}}
SITE = {
    "host": "192.168.10.21",
    "port": 5060,
    "mount": "entrance",
    "path": "stream",
    "directory": "/var/tmp",
    "name": "usb-reader",
    "extension": "8001",
    "notice": "/etc/gatehouse/notice.wav",
}


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def filled(value: Any) -> Any:
    """Put a site's own values in place of the words in braces; a lone word keeps its value's type."""
    if not isinstance(value, str):
        return value
    lone = re.fullmatch(r"\{(\w+)\}", value)
    return SITE[lone[1]] if lone else re.sub(r"\{(\w+)\}", lambda m: str(SITE[m[1]]), value)


@pytest.mark.parametrize("path", PROFILES, ids=relative)
def test_a_profile_is_accepted_by_the_product(path: Path, tmp_path: Path) -> None:
    profile = tomllib.loads(path.read_text(encoding="utf-8"))
    assert set(profile) <= {"profile", "device", "alternatives", "set"}
    assert set(profile["profile"]) == {"vendor", "applies_to", "source"}
    device = {key: filled(value) for key, value in profile["device"].items()}
    if "password_file" in device:
        secret = tmp_path / device["password_file"]
        secret.parent.mkdir(exist_ok=True)
        secret.write_text("a password", encoding="utf-8")
    (config,) = _devices(tmp_path / "gatehouse.toml", [device])
    assert config.kind in KINDS_OF[path.parent.name]
    for url in profile.get("alternatives", {}).values():
        assert _devices(tmp_path / "gatehouse.toml", [device | {"url": filled(url)}])


def test_the_table_names_every_profile() -> None:
    listed = re.findall(r"^\| `([^`]+)`", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(listed) == [relative(path) for path in PROFILES]
    assert len(PROFILES) == 11


def test_no_profile_holds_a_password() -> None:
    for path in PROFILES:
        assert "password" not in tomllib.loads(path.read_text(encoding="utf-8"))["device"]
