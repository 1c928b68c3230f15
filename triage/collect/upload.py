"""What an upload is called in the inbox: day, digest, and the name that its sender gave it, made safe."""

from hashlib import sha256

from triage.safe_text import file_name


def upload_name(content: bytes, name: str, day: str) -> tuple[str, str]:
    """Give the SHA-256 of an upload, in hex, and its name in the inbox; `day` is YYYY-MM-DD.

    The same bytes under the same name have one place a day, so that a repeated request keeps them once.
    """
    digest = sha256(content).hexdigest()
    return digest, f"upload/{day}/{digest}-{file_name(name)}"
