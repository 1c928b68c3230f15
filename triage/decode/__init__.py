"""Bytes → observations: what a report says of each hop, and nothing more than it says."""
