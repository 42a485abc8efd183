"""The privacy officer at the box's own command line, with a real core and no network at all."""

import json
import os
import pwd
import stat
import subprocess
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from importlib import resources
from pathlib import Path

import pytest

from edge.ipc.client import ControlClient
from edge.ipc.kiosk import Begin, Begun, Depart, Departed, GetNotice, Notice, Register, Registered
from edge.store.credentials import Credentials
from edge.store.identity import BoxIdentity
from edge.store.store import SqlStore
from edge.wire import Scope
from scripts.site.processes import BIN, Program, until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]
NUMBER, NEW_NUMBER, STRANGER = "13800138000", "13700137000", "13900139000"
CUSTOMER = "13600136000"


class Box:
    """A core without devices whose broker can't be reached."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.notice = Path(str(resources.files("edge"))) / "notice.example.toml"
        self.config = root / "gatehouse.toml"
        self.config.write_text(
            f"""notice = "{self.notice}"
[site]
tenant = "t"
site = "s"
box = "b"
[paths]
state = "{root}/state"
run = "{root}/run"
credentials = "{root}/credentials"
[mqtt]
host = "127.0.0.1"
port = 9
ca = "ca.crt"
certificate = "b.crt"
key = "b.key"
headquarters_keys = ["{"0" * 64}"]
[[destinations]]
host = "127.0.0.1"
country = "CN"
processor = "nobody"
[rules]
file = "{self.notice.parent / "rules.example.toml"}"
report_keeps_days = 30
[clock]
kept_by = "hypervisor"
[face_assessment]
sha256 = "{"0" * 64}"
made = 2026-01-01
valid_until = 2099-12-31
approved_by = "the test's officer"
"""
        )
        made = subprocess.run(
            [BIN / "gatehouse", "credentials", root / "credentials"],
            capture_output=True,
            text=True,
            check=True,
        )
        self.public_key = dict(line.rsplit(maxsplit=1) for line in made.stdout.splitlines())["signing key"]
        self.core = Program(
            "core", [str(BIN / "gatehouse"), "run", "-c", str(self.config)], root / "core.log"
        )

    @property
    def kiosk(self) -> ControlClient:
        return ControlClient(self.root / "run" / "kiosk.sock", 10.0)

    def register(self, *scopes: Scope, phone: str = NUMBER) -> None:
        notice = self.kiosk.ask(GetNotice(), Notice)
        session = self.kiosk.ask(Begin(), Begun).session
        request = Register(
            session=session, notice_hash=notice.hash, scopes=frozenset(scopes), phone=phone, party_size=2
        )
        assert self.kiosk.ask(request, Registered).outcome == "registered"

    def run(self, *words: str, number: str = NUMBER, reason: bool = True) -> subprocess.CompletedProcess[str]:
        """Run `gatehouse …` as the officer, who types `number`."""
        command = [str(BIN / "gatehouse"), *words]
        if "verify" not in words:
            command += ["-c", str(self.config), *(["--reason", "visitor_request"] if reason else [])]
        return subprocess.run(
            command, input=number + "\n", capture_output=True, text=True, timeout=60, check=False,
            env=os.environ | {"NO_COLOR": "1"},
        )  # fmt: skip


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    one = Box(tmp_path_factory.mktemp("box"))
    one.core.start()
    try:
        until("the officer's socket", (one.root / "run" / "officer.sock").exists, 60)
        yield one
    finally:
        one.core.stop()


def test_p40_the_rights_continue_without_a_network(box: Box, tmp_path: Path) -> None:
    """P40, P41, P43, P44: show, withdraw, export, access, verify and erase at the box, all offline."""
    box.register(Scope.REGISTRATION, Scope.FACE_MATCH)

    shown = box.run("consent", "show")
    assert shown.returncode == 0, shown.stderr
    assert "138****8000" in shown.stdout and NUMBER not in shown.stdout
    assert "face_match" in shown.stdout

    corrected = box.run("rights", "correct", "name", number=f"{NUMBER}\n王小明")
    assert corrected.returncode == 0 and "王小明" not in corrected.stdout, corrected.stderr
    assert box.run("rights", "correct", "name", number=f"{STRANGER}\n王小明").returncode == 1
    assert "not_a_name" in box.run("rights", "correct", "name", number=f"{NUMBER}\n<王>").stderr
    corrects_number_and_visit(box)

    ended = box.run("consent", "withdraw", "--scope", "face_match")
    assert "✓ ended: face_match" in ended.stdout, ended.stderr

    exported, archive = tmp_path / "consents.json", tmp_path / "access.zip"
    assert box.run("consent", "export", "--out", str(exported)).returncode == 0
    given = box.run("rights", "access", "--out", str(archive))
    assert given.returncode == 0, given.stderr
    for file in (exported, archive):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        confirmed = box.run(
            "verify", str(file), "--public-key", box.public_key, "--notice", str(box.notice), "--json"
        )
        assert confirmed.returncode == 0, confirmed.stderr
        consents = {(c["scope"], c["state"]): c for c in json.loads(confirmed.stdout)["consents"]}
        assert consents["registration", "ACTIVE"]["holds"] is True
        assert consents["registration", "ACTIVE"]["is_this_notice"] is True
        assert consents["face_match", "WITHDRAWN"]["current"] is True
    again = box.run("rights", "access", "--out", str(archive))
    assert (again.returncode, "exists" in again.stderr) == (2, True), "no file is ever overwritten"

    whole = archive.read_bytes()
    archive.write_bytes(whole.replace(b"13800138000", b"13800138001", 1))
    wrong = box.run("verify", str(archive), "--public-key", box.public_key)
    assert wrong.returncode == 1
    assert "✗" in wrong.stderr and "Traceback" not in wrong.stderr

    box.register(Scope.REGISTRATION, phone=NEW_NUMBER)
    none = box.run("rights", "merge", "--yes", number=f"{NEW_NUMBER}\n{STRANGER}")
    assert none.returncode == 2 and "nothing_to_merge" in none.stderr and STRANGER not in none.stderr
    merged = box.run("rights", "merge", "--yes", number=f"{NEW_NUMBER}\n{NUMBER}")
    assert merged.returncode == 0 and "both records are one" in merged.stdout, merged.stderr
    assert "WITHDRAWN" in box.run("consent", "show", number=NEW_NUMBER).stdout

    erased = box.run("rights", "erase", "--yes")
    assert "keys destroyed" in erased.stdout, erased.stderr
    for number in (NUMBER, NEW_NUMBER):
        assert "nothing is held" in box.run("consent", "show", number=number).stdout
    assert "keys destroyed" in box.run("rights", "receipts").stdout
    waiting = subprocess.run(
        [BIN / "gatehouse", "outbox", "-c", box.config, "--json"], capture_output=True, text=True, check=True
    )
    kinds = json.loads(waiting.stdout)["kinds"]
    assert kinds["erasure_receipt"] == 1, "headquarters hears of it when the network is back"
    assert NUMBER not in box.core.log.read_text()


def corrects_number_and_visit(box: Box) -> None:
    """P4, P40: another number and back, and a visit that is over; neither number is ever on the screen."""
    assert box.run("rights", "correct", "number", number=f"{STRANGER}\n{NUMBER}").returncode == 1
    for old, new in ((NUMBER, STRANGER), (STRANGER, NUMBER)):
        changed = box.run("rights", "correct", "number", number=f"{old}\n{new}")
        assert changed.returncode == 0, changed.stderr
        assert NUMBER not in changed.stdout and STRANGER not in changed.stdout
        assert "nothing is held" in box.run("consent", "show", number=old).stdout
    [visit] = json.loads(box.run("rights", "visits", "--json").stdout)["visits"]
    words = ("rights", "correct", "visit", visit["visit"], "--party", "4")
    assert "still_open" in box.run(*words).stderr
    assert box.kiosk.ask(Depart(phone=NUMBER), Departed).closed
    assert box.run(*words).returncode == 0
    assert "party of 4" in box.run("rights", "visits").stdout


RULES_OF_TOMORROW = """
name = "tomorrow"

[[versions]]
version = 1
effective_from = 2026-01-01T00:00:00+08:00
late_report = { blind_before_minutes = 30 }
intercept = { within_minutes = 60, suspected_minutes = 0 }
"""


def test_a_finding_is_explained_replayed_tried_and_checked_by_anybody(box: Box, tmp_path: Path) -> None:
    """A report ten minutes before the visit: NORMAL, and RISK by a rule that the project doesn't have yet."""
    box.register(Scope.REGISTRATION, Scope.CHANNEL_RISK, phone=CUSTOMER)
    reported = datetime.now().astimezone() - timedelta(minutes=10, seconds=20)
    reports = tmp_path / "reports.csv"
    reports.write_text(
        f"ref,phone,channel,agent,reported_at\nR-1,{CUSTOMER},甲渠道,,{reported.isoformat()}\n"
    )
    imported = box.run("reports", "import", str(reports), reason=False)
    assert "1 verdicts issued" in imported.stdout, imported.stderr

    assert "NORMAL   R-1" in box.run("verdict", "list", reason=False).stdout
    assert box.run("verdict", "list", "--deals", reason=False).stdout == "no deal was judged yet\n"
    assert "reported_before_presence" in box.run("verdict", "show", "R-1").stdout
    told = box.run("verdict", "explain", "R-1").stdout
    assert reported.strftime("%H:%M:%S") in told and "报备" in told and "甲渠道" not in told
    assert "10 min" in box.run("verdict", "explain", "R-1", "--english").stdout
    again = box.run("verdict", "replay", "R-1")
    assert (again.returncode, "✓ version 1: NORMAL" in again.stdout) == (0, True), again.stderr

    rules, finding = tmp_path / "rules.toml", tmp_path / "finding.json"
    rules.write_text(RULES_OF_TOMORROW)
    tried = box.run("verdict", "dry-run", "--rules", str(rules)).stdout
    assert "NORMAL → RISK" in tried and "1 of 1 findings would be another" in tried
    assert "NORMAL   R-1" in box.run("verdict", "list", reason=False).stdout, "nothing was changed"

    assert box.run("verdict", "export", "R-1", "--out", str(finding)).returncode == 0
    checked = box.run("verify", str(finding), "--public-key", box.public_key)
    assert checked.returncode == 0 and "R-1, version 1: NORMAL" in checked.stdout, checked.stderr
    finding.write_bytes(finding.read_bytes().replace(b"NORMAL", b"RISK"))
    forged = box.run("verdict", "verify", str(finding), "--public-key", box.public_key)
    assert (forged.returncode, "signature_wrong" in forged.stderr) == (1, True)
    assert "no_such_report" in box.run("verdict", "show", "R-2").stderr
    assert "no_such_deal" in box.run("verdict", "show", "--deal", "R-1").stderr


def test_a_stranger_is_nobody(box: Box) -> None:
    shown = box.run("consent", "show", number=STRANGER)
    assert (shown.returncode, "nothing is held" in shown.stdout) == (0, True)


@pytest.mark.parametrize("number", ["", "12345", "not a number"])
def test_a_wrong_number_is_one_line_without_the_number(box: Box, number: str) -> None:
    wrong = box.run("consent", "show", number=number)
    assert wrong.returncode != 0
    assert "Traceback" not in wrong.stderr
    assert not number or number not in wrong.stderr


def test_p43_a_week_without_headquarters_suspends_faces_over_restarts(box: Box) -> None:
    """P43: the days count from the last word of headquarters, not from the last start."""
    identity = BoxIdentity("t", "s", "b")
    box.core.stop()
    store = SqlStore.open(box.root / "state", Credentials.load(box.root / "credentials", {}), identity)
    store.mark("online", time.time_ns() // 1_000_000 - 8 * 24 * 3600 * 1000)
    store.close()
    for _start in range(2):
        box.core.start()
        until("the officer's socket", (box.root / "run" / "officer.sock").exists, 60)
        shown = subprocess.run(
            [BIN / "gatehouse", "status", "-c", box.config, "--json"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert shown.returncode == 1, "somebody should look"
        checks = {line["name"]: line for line in json.loads(shown.stdout)["checks"]}
        assert checks["matching"]["state"] == "suspended"
        assert "8 days" in checks["matching"]["what"]
        box.core.stop()
    box.core.start()
    until("the officer's socket", (box.root / "run" / "officer.sock").exists, 60)


def test_p3_another_account_is_refused(box: Box) -> None:
    """P3: who isn't root, the core's account or a named officer gets nothing, not even an operator."""
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    script = (
        "import os, socket, sys\nos.setgid(65534); os.setuid(65534)\ns = socket.socket(socket.AF_UNIX)\n"
        "s.connect(sys.argv[1])\ntry:\n    s.sendall(b'{}\\n')\n    print(len(s.recv(100)))\n"
        "except ConnectionError:\n    print(0)"  # it hung up before it heard anything
    )
    box.root.chmod(0o755)
    path = str(box.root / "run" / "officer.sock")
    for parent in box.root.parents:
        if not parent.stat().st_mode & 0o001:
            pytest.skip(f"{pwd.getpwuid(65534).pw_name} can't reach the directory anyway")
    tried = subprocess.run(["python3", "-c", script, path], capture_output=True, text=True, check=False)
    assert tried.stdout.strip() == "0", tried.stderr
