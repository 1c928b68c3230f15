"""Bounce Triage: from a pile of bounces to one incident for each fault."""

__version__ = "0.1.0"
