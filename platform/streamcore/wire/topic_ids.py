"""Topic ids (KIP-516) as they stand in messages."""

from typing import Final
from uuid import UUID

NO_TOPIC_ID: Final = UUID(int=0)
"""Stands where a topic is named, or where there is no such topic."""
