"""The visit script: some minutes in a sales office, played by real peers, each keeping its own ledger.

What headquarters must show for a step is computed from what the PEER knows (numbers, times, durations,
counts), never from what the box says of itself.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Page

from edge.domain.errors import Refused
from edge.ipc import kiosk
from edge.ipc.client import ControlClient
from edge.wire import Scope
from scripts.site.cameras import film
from scripts.site.place import LINE, PROJECT, Place, now_ms
from scripts.site.processes import until
from scripts.site.sip_peers import Plan, Word, place_call
from scripts.site.steps import Row, Step, near, records, within
from scripts.site.visitor import Seen, Visitor

ANNA, BEN, CARL, DORA, EMIL = (f"+861380013800{n}" for n in range(1, 6))
FAYE, GWEN, HUGO, IRIS, NINA, NOEL = (f"+861390013900{n}" for n in range(1, 7))
SAID_OTHERWISE = ("R-risk", "R-contradicted")
"""Reports on customers who say that nobody brought them."""
MONA, OTTO = "+8613700137008", "+8613600136009"
"""The people of the script; their numbers are the peers' knowledge."""

CARD = {
    "name": "李四",
    "sex": "1",
    "nation": "01",
    "birth": "19491231",
    "address": "安徽省合肥市蜀山区示范路1号",
    "number": "11010519491231002X",
    "issuer": "合肥市公安局",
    "valid_from": "20200101",
    "valid_until": "长期",
}
"""An example number of GB 11643 itself."""

DURATION_TOLERANCE_MS = 1500
"""Signalling lies between what the caller measures (answer to BYE) and what the box does."""

COUNTING_DELAY_MS = 2000
"""A person who left the picture this shortly before an interval's end may fall into the next one."""

OnStep = Callable[[Step], None]


class Play:
    """Plays the script against one place and hands every step on as it was done."""

    def __init__(
        self,
        place: Place,
        visitor: Visitor,
        on_step: OnStep,
        on_act: Callable[[str], None],
        pace_s: float = 0.0,
    ) -> None:
        """`pace_s`: seconds between two acts, so that somebody who watches can follow."""
        self._place = place
        self._visitor = visitor
        self._on_step = on_step
        self._on_act = on_act
        self._pace_s = pace_s
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="caller")
        self._registered: list[str] = []
        self._expected: dict[tuple[str, str], tuple[str, str]] = {}

    def run(self) -> None:
        """Play every step; calls and head counts run beside what happens at the desk."""
        passing = self._start_passing()
        recorded, silent = self._start_calls()
        self._registration()
        self._decline()
        self._verdicts()
        self._board()
        self._refusal()
        self._face()
        self._card()
        self._finish_calls(recorded, silent)
        self._camera_cut()
        self._head_count(passing)
        self._broker_cut()
        self._withdrawal()
        self._erasure()
        self._pool.shutdown()

    def _act(self, what: str) -> None:
        self._on_act(what)
        time.sleep(self._pace_s)

    def _done(
        self, name: str, peer: Row, look: Callable[[list[Row]], Row | None], settle_ms: int = 0
    ) -> None:
        self._on_step(Step(name, peer, look, settle_ms))

    # -- the entrance ----------------------------------------------------------------------

    def _start_passing(self) -> int:
        self._act("entrance: people come in")
        return self._place.show("entrance", "entrance")

    def _head_count(self, since_ms: int) -> None:
        """The film's own truth: who is seen coming in, from when to when, each time that it runs."""
        assert self._place.cameras is not None
        way_in = film("entrance")
        truth = json.loads(way_in.with_suffix(".json").read_text())
        until("the film's end", lambda: now_ms() - since_ms > truth["seconds"] * 1000, truth["seconds"] + 10)
        ended_ms = self._place.show("entrance", "entrance-empty")
        loops = self._place.cameras.loops("entrance", way_in)
        passes = _passes(truth, loops, since_ms, ended_ms)
        peer = {"came_in": len(passes), "from_ms": since_ms, "to_ms": ended_ms}

        def look(rows: list[Row]) -> Row | None:
            counts = [r for r in records(rows, "footfall") if r["to_ms"] > since_ms]
            if not counts:
                return None
            total, last_ms = sum(r["count"] for r in counts), max(r["to_ms"] for r in counts)
            least = sum(out_ms < last_ms - COUNTING_DELAY_MS for _in_ms, out_ms in passes)
            most = sum(in_ms < last_ms for in_ms, _out_ms in passes)
            seen = {"counted": total, "came_in_by_then": f"{least} to {most}", "until_ms": last_ms}
            return seen if all(r["count"] >= 5 for r in counts) and least <= total <= most else None

        self._done("head_count", peer, look)

    def _camera_cut(self) -> None:
        self._act("desk camera: cable cut")
        cameras = self._place.cameras
        assert cameras is not None
        cut_ms = cameras.order("cut", "desk")
        until("8 s without the camera", lambda: now_ms() - cut_ms > 8000, 20)
        back_ms = cameras.order("restore", "desk")

        def look(rows: list[Row]) -> Row | None:
            for blind in records(rows, "blind"):
                overlaps = blind["from_ms"] < back_ms and blind["to_ms"] > cut_ms
                if blind["device"] == "desk" and overlaps and blind["from_ms"] >= cut_ms:
                    return {k: blind[k] for k in ("from_ms", "to_ms", "cause")}
            return None

        self._done("camera_cut", {"device": "desk", "cut_ms": cut_ms, "back_ms": back_ms}, look)

    # -- the desk --------------------------------------------------------------------------

    @contextmanager
    def _visit(self, number: str, scopes: list[str], source: str | None = None) -> Iterator[Seen]:
        """One visitor at the kiosk; the screen clears at the end."""
        seen = self._visitor.register(number[3:], scopes, source=source)
        if seen["outcome"] != "registered":
            raise RuntimeError(f"the kiosk did not register a visitor: {seen['outcome']}")
        self._registered.append(number)
        try:
            yield seen
        finally:
            self._visitor.finish()

    def _find_visit(self, rows: list[Row], number: str, span: tuple[int, int]) -> Row | None:
        who = self._place.token("registration", number)
        mine = [v for v in records(rows, "visit") if v["who"] == who and within(v["arrived_ms"], span)]
        return max(mine, key=lambda v: int(v["revision"])) if mine else None

    def _registration(self) -> None:
        self._act("kiosk: a visitor registers")
        with self._visit(ANNA, ["registration", "channel_risk"], "walk_in") as seen:
            span = seen["before_ms"], seen["after_ms"]
        left = self._visitor.depart(ANNA[3:])

        def look(rows: list[Row]) -> Row | None:
            visit = self._find_visit(rows, ANNA, span)
            gone = visit and within(visit["departed_ms"], (left["before_ms"], left["after_ms"]))
            return _shown(visit) if visit and gone and not visit["returning"] else None

        peer = {"who": self._place.token("registration", ANNA), "arrived_ms": span}
        self._done("registration", peer | {"departed_ms": (left["before_ms"], left["after_ms"])}, look)

    def _decline(self) -> None:
        """Two say no, one of them having typed a number: headquarters has those who said yes, no one else."""
        self._act("kiosk: two visitors decline")
        first = self._visitor.decline()
        typed = self._visitor.register(NOEL[3:], [], declined=["registration"])
        span = first["before_ms"], typed["after_ms"]
        tokens = [
            self._place.token(purpose, NOEL) for purpose in ("registration", "channel_risk", "recording")
        ]

        def look(rows: list[Row]) -> Row | None:
            visits = records(rows, "visit")
            agreed = {self._place.token("registration", number) for number in self._registered}
            strangers = [v for v in visits if v["who"] not in agreed or within(v["arrived_ms"], span)]
            wire = b"".join(one.payload for one in list(self._place.wiretap.heard))
            heard = [t for t in tokens if t.encode() in wire] + [r for r in rows if NOEL[3:] in json.dumps(r)]
            return (
                {"visits_then": 0, "strangers": 0, "on_the_wire": 0} if not strangers and not heard else None
            )

        peer = {"declined_ms": span, "pages": [first["outcome"], typed["outcome"]]}
        declined = first["outcome"] == typed["outcome"] == "declined"
        self._done("decline", peer, look if declined else _never, settle_ms=60_000)

    def _refusal(self) -> None:
        """Somebody at the desk tries a face lease on a visitor who never agreed to one: nothing starts."""
        self._act("desk: a face lease is tried without consent")
        client = ControlClient(self._place.box_directory / "run" / "kiosk.sock", timeout=30.0)
        notice = client.ask(kiosk.GetNotice(), kiosk.Notice)
        session = client.ask(kiosk.Begin(), kiosk.Begun).session
        scopes = frozenset({Scope.REGISTRATION})
        request = kiosk.Register(
            session=session, notice_hash=notice.hash, scopes=scopes, phone=IRIS[3:], party_size=1
        )
        client.ask(request, kiosk.Registered)
        try:
            client.ask(kiosk.Recognise(session=session), kiosk.Recognised)
        except Refused:
            return
        raise RuntimeError("a lease was granted without consent")

    def _face(self) -> None:
        self._act("kiosk: face enrolled under consent")
        self._place.show("desk", "desk-a-1")
        with self._visit(BEN, ["registration", "face_match"]) as seen:
            enrolled = self._visitor.recognise()
        who = self._place.token("registration", BEN)

        def agreed(rows: list[Row]) -> Row | None:
            for c in records(rows, "consent"):
                at_desk = within(c["at_ms"], (seen["before_ms"], seen["after_ms"]))
                if c["who"] == who and c["scope"] == "face_match" and at_desk:
                    return {"consent": c["scope"], "act": c["act"], "at_ms": c["at_ms"]}
            return None

        ok = enrolled["outcome"] == "enrolled"
        self._done("face_enrolled", {"who": who, "page": enrolled["outcome"]}, agreed if ok else _never)
        self._visitor.depart(BEN[3:])
        self._face_again(who)

    def _face_again(self, who: str) -> None:
        self._act("kiosk: the same person returns and is confirmed 1:1")
        self._place.show("desk", "desk-a-2")
        with self._visit(BEN, ["registration", "face_match"]) as seen:
            found = self._visitor.recognise()
        self._place.show("desk", "desk-empty")
        during = found["before_ms"], found["after_ms"]

        def look(rows: list[Row]) -> Row | None:
            visit = self._find_visit(rows, BEN, (seen["before_ms"], seen["after_ms"]))
            signs = [e for e in (visit or {}).get("evidence", []) if e["kind"] == "face_confirmed"]
            ok = visit and visit["returning"] and signs and within(signs[0]["at_ms"], during)
            return _shown(visit) if visit and ok else None

        ok = found["outcome"] == "confirmed"
        self._done(
            "face_confirmed",
            {"who": who, "page": found["outcome"], "during_ms": during},
            look if ok else _never,
        )

    def _card(self) -> None:
        self._act("kiosk: an ID card is read under a lease")
        terminal = self._place.terminal
        assert terminal is not None
        with self._visit(CARL, ["registration", "id_card"]) as seen:
            terminal.place(CARD)
            read = self._visitor.read_card()
            terminal.lift()
        during = read["before_ms"], read["after_ms"]
        reads = [h.wall_ms for h in list(terminal.heard) if h.command == "read_base"]
        leased_only = bool(reads) and all(within(at, during) for at in reads)

        def look(rows: list[Row]) -> Row | None:
            visit = self._find_visit(rows, CARL, (seen["before_ms"], seen["after_ms"]))
            signs = [e for e in (visit or {}).get("evidence", []) if e["kind"] == "id_card"]
            ok = visit and leased_only and signs and within(signs[0]["at_ms"], during)
            return _shown(visit) if visit and ok else None

        peer = {"who": self._place.token("registration", CARL), "terminal_read_ms": reads}
        self._done("card_read", peer | {"page": read["outcome"]}, look)

    # -- the telephone ---------------------------------------------------------------------

    def _start_calls(self) -> "tuple[Future[Word], Future[Word]]":
        self._act("telephone: one caller presses 1 after the notice, another presses nothing")
        agrees = Plan(DORA, seconds=20.0, key="1", key_at=8.0, speaks_from=10.0)
        silent = Plan(EMIL, seconds=15.0)
        return self._pool.submit(self._dial, agrees), self._pool.submit(self._dial, silent)

    def _dial(self, plan: Plan) -> Word:
        registrar = self._place.registrar
        assert registrar is not None
        return place_call(plan, "8001", ("127.0.0.1", registrar.port))

    def _finish_calls(self, recorded: "Future[Word]", silent: "Future[Word]") -> None:
        self._call("call_recorded", recorded.result(120), self._place.token("recording", DORA))
        self._call("call_not_recorded", silent.result(120), None)

    def _call(self, name: str, word: Word, who: str | None) -> None:
        def look(rows: list[Row]) -> Row | None:
            for call in records(rows, "call"):
                same = call["who"] == who and call["recorded"] == (who is not None) and call["answered"]
                same = same and call["notice_played"] and call["line"] == LINE
                length = near(call["duration_ms"], word.duration_ms, DURATION_TOLERANCE_MS)
                if same and length and near(call["started_ms"], word.started_ms, DURATION_TOLERANCE_MS):
                    return {
                        k: call[k] for k in ("who", "recorded", "started_ms", "duration_ms", "recorded_ms")
                    }
            return None

        peer = {"who": who, "started_ms": word.started_ms, "duration_ms": word.duration_ms, "key": word.key}
        self._done(name, peer, look)

    # -- channel risk ----------------------------------------------------------------------

    def _verdicts(self) -> None:
        """Reports before and after the visit, on who refuses, by a masked number, contradicted; a deal."""
        self._act("a CRM brings reports and a deal in, each row sealed to the box; the customers come")
        agreed = ["registration", "channel_risk"]
        with self._visit(HUGO, agreed, "walk_in") as hugo:
            pass
        before = hugo["before_ms"] - 3_600_000
        numbers = {
            "R-normal": GWEN,
            "R-risk": HUGO,
            "R-unknown": IRIS,
            "R-masked": MONA,
            "R-contradicted": OTTO,
        }
        reported = dict.fromkeys(numbers, before) | {"R-risk": hugo["after_ms"] + 1000}
        self._bring_in(reported, numbers)
        seen: dict[str, Seen | None] = {"R-risk": hugo, "R-unknown": None}
        for ref, source in (("R-normal", "agent"), ("R-masked", "agent"), ("R-contradicted", "walk_in")):
            with self._visit(numbers[ref], agreed, source) as seen[ref]:
                pass
        with self._visit(IRIS, ["registration"]):
            pass
        found = {"R-risk": "RISK", "R-unknown": "UNKNOWN"}
        for ref, number in numbers.items():
            self._verdict(ref, found.get(ref, "NORMAL"), number, reported[ref], seen[ref])
        self._verdict("D-normal", "NORMAL", GWEN, before, seen["R-normal"])
        self._expected = {
            ("report", "R-normal"): ("NORMAL", "首次到场"),
            ("report", "R-risk"): ("RISK", "已经到场"),
            ("report", "R-unknown"): ("UNKNOWN", "没有到场凭据"),
            ("report", "R-masked"): ("NORMAL", "首次到场"),
            ("report", "R-contradicted"): ("NORMAL", "与报备不符"),
            ("deal", "D-normal"): ("NORMAL", "首次到场"),
        }

    def _bring_in(self, reported: dict[str, int], numbers: dict[str, str]) -> None:
        self._place.bring_in("channel", "渠道编号,渠道名称\ndemo,示例渠道")
        lines = ["报备编号,客户电话,渠道,工号,报备时间"]
        for ref, at_ms in reported.items():
            local = numbers[ref][3:]
            shown = f"{local[:3]}****{local[-4:]}" if ref == "R-masked" else local
            lines.append(f"{ref},{shown},示例渠道,A-17,{_iso(at_ms)}")
        self._place.bring_in("report", "\n".join(lines))
        subscribed = _iso(reported["R-risk"] + 3_600_000)
        self._place.bring_in(
            "deal", f"认购编号,渠道,买受人电话,认购时间\nD-normal,示例渠道,{GWEN[3:]},{subscribed}"
        )

    def _verdict(self, ref: str, finding: str, number: str, reported_ms: int, seen: Seen | None) -> None:
        who = self._place.token("channel_risk", number)

        def look(rows: list[Row]) -> Row | None:
            mine = [v for v in records(rows, "verdict") if ref in (v["report_ref"], v.get("deal_ref"))]
            mine = [v for v in mine if v["who"] == who]
            if not mine:
                return None
            last = max(mine, key=lambda v: int(v["version"]))
            there = within(last["presence_ms"], (seen["before_ms"], seen["after_ms"])) if seen else True
            absent = seen is not None or last["presence_ms"] is None
            same_time = last["reported_ms"] == reported_ms // 1000 * 1000
            looked_at = ("answer_contradicts_report" in last["review_reasons"]) == (ref in SAID_OTHERWISE)
            completed = ('"masked":"completed"' in last["inputs"]) == (ref == "R-masked")
            ok = last["verdict"] == finding and there and absent and same_time and looked_at and completed
            return {k: last[k] for k in ("verdict", "reasons", "version", "presence_ms")} if ok else None

        peer = {"of": ref, "who": who, "reported_ms": reported_ms // 1000 * 1000}
        if seen:
            peer["present_ms"] = (seen["before_ms"], seen["after_ms"])
        self._done(f"verdict_{ref.removeprefix('R-').replace('D-', 'deal_')}", peer, look)

    def _board(self) -> None:
        """Each of them is on headquarters' board, told in sentences, as a director looks at it."""
        self._act("headquarters: a director looks at the risk board")
        page = self._visitor.page.context.new_page()
        try:
            self._place.log_in(page)
            told = {ref: self._told(page, about, ref) for about, ref in self._expected}
        finally:
            page.close()
        wanted = {ref: verdict for (_, ref), (verdict, _) in self._expected.items()}
        self._done("board", {"findings": wanted}, lambda _rows: told if all(told.values()) else None)

    def _told(self, page: Page, about: str, ref: str) -> str | None:
        """Wait until the board tells what is expected; return its first sentence, or None."""
        verdict, words = self._expected[about, ref]
        chip = {"NORMAL": "正常", "RISK": "风险", "UNKNOWN": "无法判定"}[verdict]

        def there() -> bool:
            page.goto(f"{self._place.headquarters_url}/risk/{PROJECT}/{about}/{ref}?lang=zh")
            found = page.locator(".subject .chip")
            return (
                found.count() == 1
                and found.inner_text() == chip
                and words in page.locator("main").inner_text()
            )

        until(f"{ref} on the board", there, 60)
        return str(page.locator(".sentences li").first.inner_text())

    # -- trouble and rights ----------------------------------------------------------------

    def _broker_cut(self) -> None:
        self._act("broker: killed while a visitor registers")
        self._place.broker.kill9()
        with self._visit(FAYE, ["registration"]) as seen:
            span = seen["before_ms"], seen["after_ms"]
        threading.Event().wait(3)
        self._place.broker.start()
        self._place.wiretap.wait_listening()

        def look(rows: list[Row]) -> Row | None:
            visit = self._find_visit(rows, FAYE, span)
            missing = json.loads(self._place.cloud("status", "--json"))["boxes"][0]["missing"] if visit else 1
            return _shown(visit) | {"missing": missing} if visit and missing == 0 else None

        peer = {"who": self._place.token("registration", FAYE), "arrived_ms": span, "missing": 0}
        self._done("broker_cut", peer, look)

    def _withdrawal(self) -> None:
        self._act("kiosk: consent to the face withdrawn")
        seen = self._visitor.withdraw(BEN[3:], ["face_match"])
        who, span = self._place.token("registration", BEN), (seen["before_ms"], seen["after_ms"])

        def look(rows: list[Row]) -> Row | None:
            for w in records(rows, "withdrawal"):
                if w["who"] == who and w["scope"] == "face_match" and within(w["at_ms"], span):
                    return {k: w[k] for k in ("scope", "by", "at_ms")}
            return None

        self._done("withdrawal", {"who": who, "scope": "face_match", "at_ms": span}, look)

    def _erasure(self) -> None:
        self._act("headquarters: an erasure is ordered")
        with self._visit(NINA, ["registration", "channel_risk"], "walk_in"):
            pass
        who = self._place.token("registration", NINA)
        self._wait_for_visit(who)
        ordered_ms = now_ms()
        self._place.cloud("erase", "--who", "-", "--reason", "visitor_request", stdin=who)

        def look(rows: list[Row]) -> Row | None:
            receipts = [r for r in records(rows, "erasure_receipt") if r["who"] == who]
            left = [
                r for r in rows if r["kind"] != "erasure_receipt" and who in json.dumps(r["record"] or {})
            ]
            done = receipts and receipts[0]["outcome"] == "erased" and receipts[0]["at_ms"] >= ordered_ms
            return {k: receipts[0][k] for k in ("outcome", "rows", "at_ms")} if done and not left else None

        self._done("erasure", {"who": who, "ordered_ms": ordered_ms}, look)

    def _wait_for_visit(self, who: str) -> None:
        def arrived() -> bool:
            return any(v["who"] == who for v in records(self._place.ledger("visit"), "visit"))

        until("the visit at headquarters", arrived, 30)


def _shown(visit: Row) -> Row:
    signs = [e["kind"] for e in visit["evidence"]]
    names = ("who", "arrived_ms", "departed_ms", "returning", "revision")
    return {k: visit[k] for k in names} | {"evidence": signs}


def _never(_rows: list[Row]) -> Row | None:
    return None


def _iso(ms: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(ms // 1000, UTC).astimezone().isoformat()


def _passes(truth: dict[str, Any], loops: list[int], since_ms: int, ended_ms: int) -> list[tuple[int, int]]:
    """Return when each person of the film came into sight and left it, in wall milliseconds."""
    starts = [at for at in loops if since_ms - 1000 < at < ended_ms] or [since_ms]
    seconds = [(person["from_s"], person["to_s"]) for person in truth["people"]]
    seen = [(start + int(a * 1000), start + int(b * 1000)) for start in starts for a, b in seconds]
    return [(a, b) for a, b in seen if a < ended_ms]
