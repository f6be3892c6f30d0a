"""Limits of the transaction coordinator."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionSettings:
    timeout_ms_max: int
    id_expiration_ms: int
    ids_max: int
    places_max: int  # partitions of all transactions together
