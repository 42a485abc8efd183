"""Every error the product raises on purpose; never carries personal data in its text.

An error says what was being done, why it failed, what to do, and whether trying again can help.
"""


class GatehouseError(Exception):
    """Base of all: `operation`, `cause` and `hint` are for a technician; `recoverable` for code."""

    recoverable = False

    def __init__(self, operation: str, cause: str, hint: str = "") -> None:
        super().__init__(f"{operation}: {cause}" + (f" ({hint})" if hint else ""))
        self.operation = operation
        self.cause = cause
        self.hint = hint


def without_text(error: BaseException) -> BaseException:
    """Return where an unforeseen error happened, for a log, without its text: it may quote a stranger."""
    return RuntimeError(type(error).__name__).with_traceback(error.__traceback__)


class ConfigError(GatehouseError):
    """The configuration is wrong; the start stops and says where and what was expected."""


class Refused(GatehouseError):
    """The gate said no: there is no basis for this. `code` is stable and safe to show."""

    def __init__(self, operation: str, code: str, hint: str = "") -> None:
        super().__init__(operation, code, hint)
        self.code = code


class NotLeased(Refused):
    """Something read or recognised outside a lease."""


class InvalidInput(GatehouseError):
    """What a person or a file gave is not acceptable; nothing was changed."""

    def __init__(self, operation: str, code: str, hint: str = "") -> None:
        super().__init__(operation, code, hint)
        self.code = code


class StoreError(GatehouseError):
    """The disk, the database or a key failed; the process ends and recovers at start."""


class ProtocolError(GatehouseError):
    """A peer process or device broke the protocol; that one connection ends."""


class DeviceError(GatehouseError):
    """A session with a device failed. `state` and `code` are what `status` shows."""

    state = "down"

    def __init__(self, operation: str, code: str, hint: str = "", since_s: float = 0.0) -> None:
        super().__init__(operation, code, hint)
        self.code = code
        self.since_s = since_s
        """Seconds for which it had failed already when it was noticed."""


class LinkDown(DeviceError):
    """The device can't be reached or went away; trying again helps."""

    recoverable = True


class Frozen(DeviceError):
    """The device is connected but delivers nothing new; a new session may help."""

    recoverable = True
    state = "frozen"


class AuthFailed(DeviceError):
    """The device refuses our password or certificate; a person has to mend it."""

    state = "auth_failed"


class DeviceMisconfigured(DeviceError):
    """The device answers but isn't what the configuration says; a person has to mend it."""

    state = "config_error"
