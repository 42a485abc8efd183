"""Every error headquarters raises on purpose; never carries personal data in its text."""


class CloudError(Exception):
    """Base of all: what was being done, why it failed, what to do about it."""

    recoverable = False

    def __init__(self, operation: str, cause: str, hint: str = "") -> None:
        super().__init__(f"{operation}: {cause}" + (f" ({hint})" if hint else ""))
        self.operation = operation
        self.cause = cause
        self.hint = hint


class ConfigError(CloudError):
    """The configuration or a key file is wrong; the start stops."""


class InvalidOrder(CloudError):
    """An order can't be given as asked; nothing was changed. `code` is stable and safe to show."""

    def __init__(self, operation: str, code: str, hint: str = "") -> None:
        super().__init__(operation, code, hint)
        self.code = code


class StoreUnavailable(CloudError):
    """The database can't be reached or is busy; trying again helps."""

    recoverable = True


class BrokerUnavailable(CloudError):
    """The broker can't be reached or refused us; trying again may help."""

    recoverable = True
