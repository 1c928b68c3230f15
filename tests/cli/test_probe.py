"""What `triage probe` ends with, as scripts ask it: an answer of the server, or none."""

from pathlib import Path

import pytest

from tests.cli.command import run


@pytest.mark.parametrize(
    ("host", "code", "words"),
    [
        ("nobody.invalid", 3, "can be looked up"),  # RFC 6761: there is never such a name
        ("127.0.0.1:1", 3, "refused"),
        ("127.0.0.1:99999", 2, "no port between 1 and 65535"),
    ],
)
def test_a_server_that_was_not_asked_is_no_server_without_tls12(
    host: str, code: int, words: str, tmp_path: Path
) -> None:
    """Exit code 1 says that TLS 1.2 is not taken; whoever got no answer, or mistyped, hears something else."""
    done = run(tmp_path, "probe", host, "--seconds", "2", encoding="utf-8")
    assert done.returncode == code
    assert words in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
