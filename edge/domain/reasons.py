"""Why a person of the office acts on somebody's data: a closed list, since free text could carry a name."""

from enum import StrEnum


class Reason(StrEnum):
    """The ground that stands in the audit beside each act."""

    VISITOR_REQUEST = "visitor_request"
    """The person asked for it, and was checked to be that person."""
    GUARDIAN_REQUEST = "guardian_request"
    COMPLAINT = "complaint"
    TYPING_ERROR = "typing_error"
    CONSENT_WITHDRAWN = "consent_withdrawn"
    PURPOSE_ENDED = "purpose_ended"
    PERIOD_OVER = "period_over"
    UNLAWFUL = "unlawful"
    COMMISSION = "commission"
    """A channel's claim is decided on, or contested."""
    LEGAL_DUTY = "legal_duty"
