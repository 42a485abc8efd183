"""Which notice is in force, and what a new one ends: consents to changed words (P23, P47); store's thread.

A box goes on with its last notice for as long as it has no network. The configuration's file is the first
one; once headquarters has published another, the file counts no more.
"""

import logging
from typing import Literal

from edge.domain.errors import ConfigError
from edge.domain.facts import NoticePut, PersonId
from edge.ipc.kiosk import Notice
from edge.runtime.notice import shown
from edge.runtime.office import Office
from edge.runtime.rights import Rights
from edge.store.rows import KeptNotice
from edge.wire import CommandAnswered, NoticeCommand, NoticeText
from edge.wire.notice import BadNotice, ground_of, may_follow, parse_notice, terms

log = logging.getLogger(__name__)

AT_ONCE = 100
"""Consents that are put to be asked again in one transaction: the desk is served in between."""


class Notices:
    """Puts notices in force."""

    def __init__(self, office: Office, rights: Rights) -> None:
        self._office = office
        self._rights = rights

    @property
    def in_force(self) -> Notice:
        """The notice in force, as the kiosk shows it."""
        return self._office.notice

    def begin(self, file: NoticeText) -> None:
        """Go on with the notice that was in force last; with the configuration's if that is news.

        Raises ConfigError if the file may not take the place of the one before.
        """
        kept = self._office.store.notice_in_force()
        if kept is None or (kept.origin == "file" and kept.hash != file.hash):
            try:
                self._put(file, kept, "file")
            except BadNotice as error:
                raise ConfigError("put the notice in force", error.hint, error.code) from None
        else:
            self._show(parse_notice(kept.text))

    def publish(self, command: NoticeCommand) -> None:
        """Put headquarters' notice in force and answer; a notice that may not be is answered with why."""
        store = self._office.store
        with store.transaction():
            try:
                notice = parse_notice(command.notice)
                if notice.hash != command.notice_hash:
                    raise BadNotice("wrong_hash", "the command names another text")
                kept = store.notice_in_force()
                if kept is None or kept.hash != notice.hash:
                    self._put(notice, kept, "headquarters")
                outcome, code = "done", "in_force"
            except BadNotice as error:
                log.error("notice refused code=%s", error.code)
                outcome, code = "refused", error.code
            answer = CommandAnswered.model_validate(
                {
                    "command_id": command.command_id,
                    "outcome": outcome,
                    "code": code,
                    "at_ms": self._office.clock.now_ms(),
                }
            )
            store.apply(self._office.done(command, outcome, answer))

    def _put(
        self, notice: NoticeText, kept: KeptNotice | None, origin: Literal["file", "headquarters"]
    ) -> None:
        may_follow(notice, parse_notice(kept.text) if kept is not None else None)
        ground = ground_of(notice, kept.ground if kept is not None else None)
        put = NoticePut(
            **self._office.stamp(),
            hash=notice.hash,
            version=notice.version,
            text=notice.to_text(),
            ground=ground,
            terms=terms(notice, ground),
            origin=origin,
        )
        self._office.store.apply(self._office.gate.on_other_basis(put))
        self._show(notice)
        log.info("notice in force version=%s hash=%s origin=%s", notice.version, notice.hash[:16], origin)

    def _show(self, notice: NoticeText) -> None:
        self._office.notice = shown(notice)

    def ask_again(self) -> tuple[PersonId, ...]:
        """Move some of the consents that a new notice left behind to RECONSENT; return whose, () when done.

        The gate has refused them since the notice came; this writes it down and tells headquarters.
        """
        outdated = self._office.store.outdated(AT_ONCE)
        with self._office.store.transaction():
            for person, scope in outdated:
                self._rights.ask_again(person, scope)
        return tuple(dict.fromkeys(person for person, _scope in outdated))
