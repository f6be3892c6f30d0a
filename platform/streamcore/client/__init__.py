"""The client of the log: columns in, columns out, over either of two engines."""

from streamcore.client.connecting import connect

__all__ = ["connect"]
