"""The local host, `triage serve`: the same work on one machine, with or without Azure's storage.

Without: `embedded` (a watched folder, forwarded mail by SMTP, an SQLite store). With Azurite: `host` (the triggers of
function_app.py, indexed and invoked by the Functions worker library, as Azure's host does it).
"""
