"""Users, passwords, one-time links, sessions, throttling, access log; never keeps a secret in clear.

Passwords are argon2id hashes. Links and sessions are kept as SHA-256 of random tokens, so a copy of
the tables opens nothing.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass

import argon2
from sqlalchemy import Connection, delete, insert, select, update

from cloud.errors import InvalidOrder
from cloud.store.schema import access_log, links, sessions, throttle, users
from cloud.store.upsert import upsert
from cloud.web.roles import Role

LINK_MS = 24 * 3600 * 1000
SESSION_MS = 8 * 3600 * 1000
SHORTEST_PASSWORD = 12
FIRST_USER = "admin"
_FREE_FAILURES = 5
_FIRST_WAIT_MS = 15_000
_LONGEST_WAIT_MS = 15 * 60_000
_FORGET_FAILURES_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class User:
    """Someone who is logged in."""

    username: str
    role: Role


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


class Accounts:
    """The people of one tenant. Methods run in the caller's transaction; times are wall milliseconds."""

    def __init__(self, tenant: str, secret: bytes) -> None:
        self._tenant, self._secret = tenant, secret
        self._hasher = argon2.PasswordHasher()
        self._nobody = self._hasher.hash(secrets.token_hex(16))
        """Checked when the name is unknown, so that the answer takes as long."""

    # -- one-time links ---------------------------------------------------------------------

    def first_link(self, connection: Connection, now_ms: int) -> str | None:
        """Return a link token for the first user, or None once anybody has a password."""
        mine = users.c.tenant == self._tenant
        if connection.execute(select(users).where(mine, users.c.password_hash.is_not(None))).first():
            return None
        known = select(users).where(mine, users.c.username == FIRST_USER)
        if connection.execute(known).first() is None:
            self._add(connection, FIRST_USER, Role.ADMIN, now_ms)
        return self._link(connection, FIRST_USER, now_ms)

    def invite(self, connection: Connection, username: str, role: Role, now_ms: int) -> str:
        """Add a user and return a link token for their first password; InvalidOrder `user_exists`."""
        known = select(users).where(users.c.tenant == self._tenant, users.c.username == username)
        if connection.execute(known).first():
            raise InvalidOrder("invite", "user_exists")
        self._add(connection, username, role, now_ms)
        return self._link(connection, username, now_ms)

    def _add(self, connection: Connection, username: str, role: Role, now_ms: int) -> None:
        row = {"tenant": self._tenant, "username": username, "role": role.value, "created_ms": now_ms}
        connection.execute(insert(users).values(**row, disabled=False))

    def _link(self, connection: Connection, username: str, now_ms: int) -> str:
        connection.execute(delete(links).where(links.c.tenant == self._tenant, links.c.username == username))
        token = secrets.token_urlsafe(32)
        row = {"tenant": self._tenant, "link_hash": _hash(token), "username": username}
        connection.execute(insert(links).values(**row, expires_ms=now_ms + LINK_MS))
        return token

    def link_user(self, connection: Connection, token: str, now_ms: int) -> str | None:
        """Return whose first password the link sets, or None if it is unknown, used or too old."""
        asked = select(links.c.username).where(
            links.c.tenant == self._tenant, links.c.link_hash == _hash(token), links.c.expires_ms > now_ms
        )
        username: str | None = connection.execute(asked).scalar_one_or_none()
        return username

    def set_first_password(self, connection: Connection, token: str, password: str, now_ms: int) -> None:
        """Set the password and use the link up. InvalidOrder: `bad_link`, `weak_password`."""
        username = self.link_user(connection, token, now_ms)
        if username is None:
            raise InvalidOrder("set the password", "bad_link")
        if len(password) < SHORTEST_PASSWORD or username in password.lower():
            raise InvalidOrder("set the password", "weak_password")
        mine = (users.c.tenant == self._tenant, users.c.username == username)
        hashed = self._hasher.hash(password)
        connection.execute(update(users).where(*mine).values(password_hash=hashed))
        connection.execute(delete(links).where(links.c.tenant == self._tenant, links.c.username == username))

    # -- logging in -------------------------------------------------------------------------

    def password_is_right(self, connection: Connection, username: str, password: str) -> bool:
        """Tell whether an enabled user has this password; takes as long for an unknown name."""
        asked = select(users.c.password_hash).where(
            users.c.tenant == self._tenant, users.c.username == username, users.c.disabled.is_(False)
        )
        stored = connection.execute(asked).scalar_one_or_none()
        try:
            self._hasher.verify(stored or self._nobody, password)
        except argon2.exceptions.VerifyMismatchError:
            return False
        return stored is not None

    def open_session(self, connection: Connection, username: str, now_ms: int) -> str:
        """Return a new session's token; sessions that are over are dropped."""
        connection.execute(
            delete(sessions).where(sessions.c.tenant == self._tenant, sessions.c.expires_ms <= now_ms)
        )
        token = secrets.token_urlsafe(32)
        row = {"tenant": self._tenant, "session_hash": _hash(token), "username": username}
        connection.execute(insert(sessions).values(**row, expires_ms=now_ms + SESSION_MS))
        return token

    def close_session(self, connection: Connection, token: str) -> None:
        """End a session here too, so that a copied cookie is worth nothing."""
        connection.execute(
            delete(sessions).where(sessions.c.tenant == self._tenant, sessions.c.session_hash == _hash(token))
        )

    def session_user(self, connection: Connection, token: str, now_ms: int) -> User | None:
        """Return whose session it is, or None when it is over or its user is disabled."""
        asked = (
            select(users.c.username, users.c.role)
            .join(sessions, (sessions.c.tenant == users.c.tenant) & (sessions.c.username == users.c.username))
            .where(
                sessions.c.tenant == self._tenant,
                sessions.c.session_hash == _hash(token),
                sessions.c.expires_ms > now_ms,
                users.c.disabled.is_(False),
            )
        )
        row = connection.execute(asked).first()
        return User(row.username, Role(row.role)) if row else None

    def set_disabled(self, connection: Connection, username: str, disabled: bool) -> None:
        """Shut a user out (their sessions end at once) or let them in again."""
        mine = (users.c.tenant == self._tenant, users.c.username == username)
        connection.execute(update(users).where(*mine).values(disabled=disabled))
        if disabled:
            connection.execute(
                delete(sessions).where(sessions.c.tenant == self._tenant, sessions.c.username == username)
            )

    # -- throttling -------------------------------------------------------------------------

    def wait_ms(self, connection: Connection, subjects: tuple[str, ...], now_ms: int) -> int:
        """Return how long these subjects (a name, an address) must wait before another attempt."""
        asked = select(throttle.c.failures, throttle.c.last_ms).where(
            throttle.c.tenant == self._tenant,
            throttle.c.subject_hash.in_([self._subject(s) for s in subjects]),
        )
        waits = [0]
        for failures, last_ms in connection.execute(asked):
            if failures >= _FREE_FAILURES:
                doubled = _FIRST_WAIT_MS * 2 ** min(failures - _FREE_FAILURES, 10)
                waits.append(last_ms + min(doubled, _LONGEST_WAIT_MS) - now_ms)
        return max(waits)

    def note_failure(self, connection: Connection, subjects: tuple[str, ...], now_ms: int) -> None:
        """Count a failed attempt against each subject; forget those of yesterday."""
        old = throttle.c.last_ms < now_ms - _FORGET_FAILURES_MS
        connection.execute(delete(throttle).where(throttle.c.tenant == self._tenant, old))
        for subject in subjects:
            row = {"tenant": self._tenant, "subject_hash": self._subject(subject)}
            upsert(
                connection,
                throttle,
                {**row, "failures": 1, "last_ms": now_ms},
                lambda new: {"failures": throttle.c.failures + 1, "last_ms": new.last_ms},
            )

    def note_success(self, connection: Connection, subjects: tuple[str, ...]) -> None:
        """Forget the failures of these subjects."""
        hashed = [self._subject(s) for s in subjects]
        connection.execute(
            delete(throttle).where(throttle.c.tenant == self._tenant, throttle.c.subject_hash.in_(hashed))
        )

    def _subject(self, subject: str) -> str:
        """An address is personal data of staff: kept as a keyed hash only."""
        return hmac.new(self._secret, subject.encode(), hashlib.sha256).hexdigest()

    # -- who looked at what -----------------------------------------------------------------

    def note_access(
        self, connection: Connection, username: str, action: str, subject: str, now_ms: int
    ) -> None:
        """Note that `username` did `action`; repetitions within a minute are counted in one row."""
        row = {
            "tenant": self._tenant,
            "minute_ms": now_ms - now_ms % 60_000,
            "username": username,
            "action": action,
            "subject": subject,
            "times": 1,
        }
        upsert(connection, access_log, row, lambda _new: {"times": access_log.c.times + 1})
