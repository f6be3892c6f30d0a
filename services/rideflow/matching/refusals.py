"""Why a command is answered by nothing: it is counted and told in the journal, no more."""

from enum import StrEnum


class Refusal(StrEnum):
    """What was wrong with a command. The gateway has checked who speaks; these are races."""

    ASKED_BEFORE = "asked_before"  # the same request again
    UNKNOWN_RIDE = "unknown_ride"
    NOT_NOW = "not_now"  # the life cycle has no such step from the ride's state
    OTHER_DRIVER = "other_driver"  # the ride is not, or no longer, this driver's
    OTHER_OFFER = "other_offer"  # an offer that was replaced
    TOO_LATE = "too_late"  # an accept behind the offer's deadline
    INCOMPLETE = "incomplete"  # a field is missing
    FULL = "full"  # as many rides are under way as the book may hold
