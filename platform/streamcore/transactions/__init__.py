"""Transactions as their coordinator decides them: exactly-once over several partitions."""
