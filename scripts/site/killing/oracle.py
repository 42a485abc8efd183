"""Compares headquarters' ledger with what the peers were told; says what is lost, double or unexplained.

The rules: what was acknowledged is there exactly once and within the act's own time; what got no answer is
there at most once; what was refused isn't there; and nothing is there that no peer did.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import pairwise
from typing import Any

from edge.wire import Scope
from scripts.site.killing.book import Act, Book, Ring
from scripts.site.steps import Row, near, records

Token = Callable[[str, str], str]
KINDS = {
    "visit",
    "consent",
    "withdrawal",
    "verdict",
    "call",
    "health",
    "blind",
    "box_keys",
    "footfall",
    "erasure_receipt",
    "audit_head",
    "rights_package",
}
"""What this site may tell headquarters."""
CALL_TOLERANCE_MS = 2500
"""Signalling on a machine that is busy with being killed."""
CLOCK_MS = 500
"""sipp reads its clock and writes its trace when it finds the time."""
REPEATED_MS = 10_000
"""An INVITE that nobody took is repeated on its way: it may arrive after its caller gave up."""
LINE_NOTICED_MS = 2000
"""From the caller's BYE until the core has kept the call."""


def audit(rows: list[Row], status: Row, book: Book, token: Token) -> list[str]:
    """Return every fault; none means that the ledger equals the oracle. No fault names a number."""
    court = _Court(rows, book, token)
    for check in (
        court.visits, court.departures, court.evidence, court.consents, court.reports, court.calls,
        court.erasures, court.devices, court.numbering,
    ):  # fmt: skip
        check()
    for box in status["boxes"]:
        court.demand(box["missing"] == 0, f"headquarters misses {box['missing']} of {box['box']}")
    court.demand(status["quarantined"] == 0, f"quarantine holds {status['quarantined']}")
    court.demand(status["open_commands"] == 0, f"{status['open_commands']} commands are open")
    return court.faults


@dataclass
class _Memory:
    """What the oracle knows of one person after each act; None: not known any more."""

    scopes: dict[str, bool | None] = field(default_factory=dict)
    open_visits: int | None = 0
    visits: int | None = 0

    def active(self, scope: str) -> bool | None:
        return self.scopes.get(scope, False)


class _Court:
    def __init__(self, rows: list[Row], book: Book, token: Token) -> None:
        self._rows = rows
        self._orders = {a.number: a for a in book.of("erase") if a.sure}
        acts = [a for a in book.acts if a.kind != "erase" and not self._is_forgotten(a)]
        self._book = book = replace(book, acts=acts)
        self.faults = list(book.troubles)
        self._who = partial(token, "registration")
        self._acts: dict[str, list[Act]] = defaultdict(list)
        for act in sorted(book.acts, key=lambda a: a.before_ms):
            self._acts[act.number].append(act)
        refs = [n for a in book.of("import") for n, _at in a.asked["refs"].values()]
        people = {*self._acts, *refs} - {""}
        self._people = {token("registration", n): n for n in people}
        self._customers = {token("channel_risk", n): n for n in people}
        self._callers = {token("recording", r.number): r for r in book.rings}
        self._final = _final_visits(records(rows, "visit"))

    def _is_forgotten(self, act: Act) -> bool:
        """Whether the act's person was erased afterwards: then it is as if it had never been."""
        order = self._orders.get(act.number)
        return order is not None and act.before_ms <= order.after_ms

    def demand(self, true: bool, fault: str) -> None:
        if not true:
            self.faults.append(fault)

    def _in_span(self, act: Act, times: Iterable[int | None]) -> int:
        return sum(act.holds(at) for at in times)

    def _judge(self, act: Act, what: str, found: int, told: int) -> None:
        """`told`: how often it happened according to the answer."""
        if act.end == "acknowledged":
            self.demand(
                found == told, f"{what}: acknowledged {told}, headquarters has {found} ({_when(act)})"
            )
        elif act.end == "refused":
            self.demand(found == 0, f"{what}: refused, but headquarters has {found} ({_when(act)})")
        else:
            self.demand(found <= 1, f"{what}: without an answer, headquarters has {found} ({_when(act)})")

    def _explained(self, what: str, who: str, at_ms: int | None, kinds: tuple[str, ...]) -> None:
        number = self._people.get(who)
        acts = self._acts.get(number, []) if number is not None else []
        told = any(a.kind in kinds and a.end != "refused" and a.holds(at_ms) for a in acts)
        self.demand(told, f"{what} at {at_ms} that nobody did")

    # -- visits ----------------------------------------------------------------------------

    def visits(self) -> None:
        seen = Counter((v["visit_id"], v["revision"]) for v in records(self._rows, "visit"))
        self._unique("visit revision", seen)
        for visit in self._final.values():
            revisions = sorted(r for v, r in seen if v == visit["visit_id"])
            self.demand(revisions == list(range(1, len(revisions) + 1)), f"visit with revisions {revisions}")
            self._explained("a visit", visit["who"], visit["arrived_ms"], ("register",))
        arrived = self._times_by_number(lambda v: v["arrived_ms"])
        for act in self._book.of("register"):
            registered = act.answer.get("outcome") == "registered"
            self._judge(act, "registration", self._in_span(act, arrived[act.number]), int(registered))
            if act.sure and registered:
                self._same_visit(act)
        self._returning()

    def _same_visit(self, act: Act) -> None:
        visit = self._final.get(act.answer["visit"])
        if visit is None:
            self.demand(False, f"an acknowledged visit is not there ({_when(act)})")
            return
        same = act.holds(visit["arrived_ms"]) and self._people.get(visit["who"]) == act.number
        same = same and visit["party_size"] == act.asked["party_size"]
        same = same and visit["returning"] == act.answer["returning"]
        self.demand(same, f"a visit differs from its acknowledgement ({_when(act)})")

    def _returning(self) -> None:
        """The box remembers across kills who was here before."""
        for acts in self._acts.values():
            memory = _Memory()
            for act in acts:
                if act.kind == "register" and act.answer.get("outcome") == "registered" and act.sure:
                    known = memory.visits
                    told = act.answer["visits_before"]
                    self.demand(known in (None, told), f"{known} visits before, the box said {told}")
                _remember(memory, act)

    def _times_by_number(self, when: Callable[[Row], int | None]) -> dict[str, list[int | None]]:
        times: dict[str, list[int | None]] = defaultdict(list)
        for visit in self._final.values():
            times[self._people.get(visit["who"], "?")].append(when(visit))
        return times

    def departures(self) -> None:
        departed = self._times_by_number(lambda v: v["departed_ms"])
        for act in self._book.of("depart"):
            closed = bool(act.answer.get("closed"))
            self._judge(act, "departure", self._in_span(act, departed[act.number]), int(closed))
        for visit in self._final.values():
            if visit["departed_ms"] is not None:
                self._explained("a departure", visit["who"], visit["departed_ms"], ("depart",))
        for acts in self._acts.values():
            memory = _Memory()
            for act in acts:
                if act.kind == "depart" and act.sure and memory.open_visits is not None:
                    may = memory.active("registration") is not False
                    wanted = memory.open_visits > 0 and may
                    unclear = memory.open_visits > 0 and memory.active("registration") is None
                    told = bool(act.answer["closed"])
                    self.demand(
                        unclear or told == wanted, f"departure said {told}, {memory.open_visits} open"
                    )
                _remember(memory, act)

    def evidence(self) -> None:
        kinds = {"card": ("id_card", "read"), "face": ("face_confirmed", "confirmed")}
        for kind, (sign, outcome) in kinds.items():
            times: dict[str, list[int]] = defaultdict(list)
            for visit in self._final.values():
                for one in visit["evidence"]:
                    if one["kind"] == sign:
                        times[self._people.get(visit["who"], "?")].append(one["at_ms"])
                        self._explained(f"evidence {sign}", visit["who"], one["at_ms"], (kind,))
            for act in self._book.of("card") + self._book.of("face"):
                if act.kind == kind:
                    told = int(act.answer.get("outcome") == outcome)
                    self._judge(act, f"evidence {sign}", self._in_span(act, times[act.number]), told)
        stray = {e["kind"] for v in self._final.values() for e in v["evidence"]}
        stray -= {"registration", "id_card", "face_confirmed"}
        self.demand(not stray, f"evidence of kinds {sorted(stray)}")

    # -- consents and withdrawals ----------------------------------------------------------

    def consents(self) -> None:
        given, ended = records(self._rows, "consent"), records(self._rows, "withdrawal")
        self._unique("consent", Counter((c["who"], c["scope"], c["consent_version"]) for c in given))
        self._unique("withdrawal", Counter((w["who"], w["scope"], w["at_ms"]) for w in ended))
        by_person: dict[tuple[str, str], list[tuple[int, str]]] = defaultdict(list)
        for what, record in [("yes", r) for r in given] + [("no", r) for r in ended]:
            if record["who"] in self._callers:
                continue
            self._explained(
                f"{record['kind']} of {record['scope']}", record["who"], record["at_ms"],
                ("register",) if what == "yes" else ("register", "withdraw"),
            )  # fmt: skip
            number = self._people.get(record["who"], "?")
            by_person[number, record["scope"]].append((record["at_ms"], what))
        for acts in self._acts.values():
            memory = _Memory()
            for act in acts:
                self._scopes_of(act, memory, by_person)
                _remember(memory, act)
        self._callers_consents(given)

    def _scopes_of(
        self, act: Act, memory: _Memory, changes: dict[tuple[str, str], list[tuple[int, str]]]
    ) -> None:
        if act.kind not in ("register", "withdraw"):
            return
        for scope in sorted({*act.asked["scopes"], *act.asked.get("declined", ())}):
            before = memory.active(scope)
            mine = [what for at, what in changes[act.number, scope] if act.holds(at)]
            wish = "yes" if act.kind == "register" and scope in act.asked["scopes"] else "no"
            self.demand(set(mine) <= {wish}, f"{scope}: asked {wish}, headquarters has {mine} ({_when(act)})")
            if act.end == "unknown" or before is None:
                self.demand(len(mine) <= 1, f"{scope}: changed {len(mine)} times ({_when(act)})")
            if act.kind == "withdraw" and act.sure:
                self._judge(act, f"withdrawal of {scope}", len(mine), int(scope in act.answer["scopes"]))
                told = scope in act.answer["scopes"]
                self.demand(before in (None, told), f"{scope} was {before}, withdrawing said {told}")
            if act.kind == "register" and before is not None:
                happened = act.answer.get("outcome") == "registered" and before != (wish == "yes")
                self._judge(act, f"{wish} to {scope}", len(mine), int(happened))

    def _callers_consents(self, given: list[Row]) -> None:
        for record in given:
            if record["scope"] == "recording":
                ring = self._callers.get(record["who"])
                told = ring is not None and ring.key == "1" and record["act"] == "key"
                told = told and ring is not None and ring.before_ms <= record["at_ms"]
                told = told and ring is not None and record["at_ms"] <= ring.after_ms + LINE_NOTICED_MS
                self.demand(told, "a consent to recording that no caller gave")
                self.demand(record["consent_version"] == 1, "a caller agreed twice by one key")

    # -- reports ---------------------------------------------------------------------------

    def reports(self) -> None:
        verdicts = records(self._rows, "verdict")
        self._unique("verdict", Counter((v["report_ref"], v["version"]) for v in verdicts))
        self._unique("verdict id", Counter(v["verdict_id"] for v in verdicts))
        chains: dict[str, list[Row]] = defaultdict(list)
        for verdict in sorted(verdicts, key=lambda v: int(v["version"])):
            chains[verdict["report_ref"]].append(verdict)
        imports: dict[str, list[Act]] = defaultdict(list)
        for act in self._book.of("import"):
            for ref in act.asked["refs"]:
                imports[ref].append(act)
            if act.sure:
                told = sum(act.answer[name] for name in ("new", "known", "suppressed"))
                self.demand(told == len(act.asked["refs"]), f"an import of {len(act.asked['refs'])}: {told}")
        self.demand(set(chains) <= set(imports), "verdicts on reports that nobody made")
        for ref, acts in imports.items():
            self._chain(ref, chains[ref], acts)

    def _chain(self, ref: str, chain: list[Row], acts: list[Act]) -> None:
        number, reported_ms = acts[0].asked["refs"][ref]
        versions = [v["version"] for v in chain]
        self.demand(versions == list(range(1, len(chain) + 1)), f"{ref}: versions {versions}")
        if any(a.sure and not self._may_be_suppressed(a, number) for a in acts):
            self.demand(bool(chain), f"{ref}: acknowledged, and no verdict came")
        for verdict in chain:
            same = verdict["reported_ms"] == reported_ms and self._customers.get(verdict["who"]) == number
            self.demand(same, f"{ref}: not the report that was made")
            others = [a for a in self._acts.get(number, []) if a.kind != "depart"]
            cause = acts if verdict["version"] == 1 else others
            told = any(a.end != "refused" and a.holds(verdict["decided_ms"]) for a in cause)
            self.demand(told, f"{ref}: version {verdict['version']} for no act of anybody")
        if chain:
            self._finding(ref, chain[-1], number, reported_ms)

    def _may_be_suppressed(self, act: Act, number: str) -> bool:
        """Whether an import left reports out, by its answer, and this customer had ended `channel_risk`."""
        ended = any(
            Scope.CHANNEL_RISK in a.asked["scopes" if a.kind == "withdraw" else "declined"]
            for a in self._acts.get(number, [])
            if a.kind in {"withdraw", "register"} and a.end != "refused" and a.before_ms <= act.after_ms
        )
        return act.answer["suppressed"] > 0 and ended

    def _finding(self, ref: str, last: Row, number: str, reported_ms: int) -> None:
        """The last finding follows from what headquarters has, which the peers' acts have proven."""
        changes = [
            (c["at_ms"], c["kind"], c["scope"])
            for kind in ("consent", "withdrawal")
            for c in records(self._rows, kind)
            if self._people.get(c["who"]) == number
        ]
        final: dict[str, str] = {}
        for _at, kind, scope in sorted(changes):
            final[scope] = kind
        scope_of = {"registration": "registration", "id_card": "id_card", "face_confirmed": "face_match"}
        presences = [
            one["at_ms"]
            for visit in self._final.values()
            for one in visit["evidence"]
            if self._people.get(visit["who"]) == number and final.get(scope_of[one["kind"]]) == "consent"
        ]
        presences = [at_ms for at_ms in presences if at_ms >= self._reached(number, changes)]
        if final.get("channel_risk") != "consent" or not presences:
            expected = "UNKNOWN"
        else:
            expected = "RISK" if min(presences) <= reported_ms else "NORMAL"
        self.demand(last["verdict"] == expected, f"{ref}: {last['verdict']}, expected {expected}")

    def _reached(self, number: str, changes: list[tuple[int, str, str]]) -> int:
        """Return from when on the last yes to `channel_risk` counts: a typed number opens nothing earlier."""
        given = max(
            (at for at, kind, scope in changes if (kind, scope) == ("consent", "channel_risk")), default=0
        )
        acts = (a.before_ms for a in self._acts.get(number, []) if a.kind == "register" and a.holds(given))
        return min(acts, default=given)

    # -- erasures --------------------------------------------------------------------------

    def erasures(self) -> None:
        """One receipt for each order. That nothing else is left, the other checks see: nobody did it."""
        receipts = Counter(r["who"] for r in records(self._rows, "erasure_receipt"))
        for number, order in self._orders.items():
            found = receipts.pop(self._who(number), 0)
            self.demand(found == 1, f"an erasure has {found} receipts ({_when(order)})")
        self.demand(not receipts, f"{len(receipts)} receipts for what nobody ordered")
        self._unique("receipt", Counter(r["command_id"] for r in records(self._rows, "erasure_receipt")))

    # -- calls -----------------------------------------------------------------------------

    def calls(self) -> None:
        """Callers who pressed nothing leave no token: they are told apart by time, as far as that goes."""
        kept, rings = records(self._rows, "call"), self._book.rings
        self._unique("call", Counter(c["call_id"] for c in kept))
        may = {
            n: {m for m, ring in enumerate(rings) if self._is_of(call, ring)} for n, call in enumerate(kept)
        }
        for n in set(may) - _paired(may):
            self.demand(False, f"a call at {kept[n]['started_ms']} that nobody made, or that counts twice")
        wanted = {
            m: {n for n, call in enumerate(kept) if m in may[n] and self._as_told(call, ring)}
            for m, ring in enumerate(rings)
            if self._undisturbed(ring)
        }
        for m in set(wanted) - _paired(wanted):
            self.demand(False, f"a call that was answered at {rings[m].before_ms} is not there as it was")

    def _undisturbed(self, ring: Ring) -> bool:
        word = ring.word
        if word is None or not word.answered:
            return False
        until = word.ended_ms + LINE_NOTICED_MS
        return not self._book.killed({"core", "phone"}, word.started_ms, until)

    def _is_of(self, call: Row, ring: Ring) -> bool:
        """Whether the ledger's call may be this caller's."""
        if call["who"] is not None:
            caller = self._callers.get(call["who"])
            return caller is not None and caller.number == ring.number
        if ring.word is None:
            return bool(ring.before_ms <= call["started_ms"] <= ring.after_ms + REPEATED_MS)
        last = ring.word.answered_ms or ring.word.ended_ms  # a repeated INVITE comes before the answer
        return bool(ring.word.started_ms - CLOCK_MS <= call["started_ms"] <= last + CLOCK_MS)

    def _as_told(self, call: Row, ring: Ring) -> bool:
        assert ring.word is not None
        ended_ms = call["started_ms"] + call["duration_ms"]
        same = near(ended_ms, ring.word.ended_ms, CALL_TOLERANCE_MS) and call["answered"]
        return bool(same and call["recorded"] == (ring.key == "1"))

    # -- devices and numbers ---------------------------------------------------------------

    def devices(self) -> None:
        health, blind = records(self._rows, "health"), records(self._rows, "blind")
        self._unique("health", Counter((h["device"], h["since_ms"], h["state"], h["code"]) for h in health))
        self._unique("blind time", Counter((b["device"], b["from_ms"]) for b in blind))
        counts = sorted(records(self._rows, "footfall"), key=lambda f: (f["camera"], f["from_ms"]))
        for one, after in pairwise(counts):
            apart = one["camera"] != after["camera"] or one["to_ms"] <= after["from_ms"]
            self.demand(apart, f"two head counts cover one time (at {after['from_ms']})")
        strays = {r["kind"] for r in self._rows if r["record"] is not None} - KINDS
        self.demand(not strays, f"records of kinds {sorted(strays)}")
        emptied = [r for r in self._rows if r["record"] is None and not _replaced(r)]
        erased = all(r["kind"] == "voided" or r["code"] == "erased" for r in emptied)
        self.demand(erased and (not emptied or bool(self._orders)), "records that are gone, without an order")

    def numbering(self) -> None:
        """Every epoch's numbers come without a gap, each once."""
        held: dict[str, list[int]] = defaultdict(list)
        for row in self._rows:
            held[row["epoch"]].append(row["sequence"])
            self.demand(row["outcome"] == "committed", f"{row['kind']} is {row['outcome']}: {row['code']}")
        for numbers in held.values():
            whole = sorted(numbers) == list(range(1, len(numbers) + 1))
            self.demand(whole, f"an epoch's {len(numbers)} rows reach up to {max(numbers)}")

    def _unique(self, what: str, seen: Counter[Any]) -> None:
        twice = sum(1 for times in seen.values() if times > 1)
        self.demand(twice == 0, f"{what}: {twice} are there twice")


def _final_visits(visits: list[Row]) -> dict[str, Row]:
    final: dict[str, Row] = {}
    for visit in sorted(visits, key=lambda v: int(v["revision"])):
        final[visit["visit_id"]] = visit
    return final


def _remember(memory: _Memory, act: Act) -> None:
    """Go on to what is known after `act`."""
    if act.end == "refused":
        return
    if act.kind == "register":
        _remember_registration(memory, act)
    elif act.kind == "withdraw":
        for scope in act.asked["scopes"]:
            memory.scopes[scope] = False if act.sure or memory.active(scope) is False else None
    elif act.kind == "depart":
        if not act.sure and memory.open_visits != 0:
            memory.open_visits = None
        elif memory.open_visits is not None and act.answer.get("closed"):
            memory.open_visits -= 1


def _remember_registration(memory: _Memory, act: Act) -> None:
    if "registration" not in act.asked["scopes"]:
        return
    if act.sure:
        active = set(act.answer["active"])
        memory.scopes = dict.fromkeys((*memory.scopes, *act.asked["scopes"], *active), False)
        memory.scopes |= dict.fromkeys(active, True)
        memory.visits = act.answer["visits_before"] + 1
        memory.open_visits = memory.open_visits + 1 if memory.open_visits is not None else None
        return
    for scope in act.asked["scopes"]:
        memory.scopes[scope] = True if memory.active(scope) is True else None
    for scope in act.asked["declined"]:
        memory.scopes[scope] = False if memory.active(scope) is False else None
    memory.visits = memory.open_visits = None


def _paired(may: dict[int, set[int]]) -> set[int]:
    """Return which of the left side find a partner each of their own (Kuhn's augmenting paths)."""
    partner: dict[int, int] = {}

    def place(one: int, tried: set[int]) -> bool:
        for other in may[one]:
            if other not in tried:
                tried.add(other)
                if other not in partner or place(partner[other], tried):
                    partner[other] = one
                    return True
        return False

    for one in may:
        place(one, set())
    return set(partner.values())


def _when(act: Act) -> str:
    return f"{act.kind}, {act.before_ms} to {act.after_ms}"


def _replaced(row: Row) -> bool:
    """Whether a later package of the same page took this one's place."""
    return bool(row["kind"] == "rights_package" and row["code"] == "ok")
