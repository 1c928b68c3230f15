"""A post as the host hands it to an HTTP function."""

from typing import Any

from triage.local.worker import Worker


def posted(worker: Worker, function: str, body: bytes, **query: str) -> tuple[int, Any, bytes]:
    """Post a body; give status, headers and the answer's bytes."""
    request = worker.message(
        "RpcHttp",
        method="POST",
        url=f"https://contoso.azurewebsites.net/api/{function}",
        headers={"content-type": "message/rfc822"},
        params={},
        query=query,
        body=worker.typed(bytes=body),
    )
    answer = worker.invoke(function, worker.typed(http=request)).http
    content = getattr(answer.body, "bytes", None) or getattr(answer.body, "string", None) or b""
    return int(answer.status_code), answer.headers, content if isinstance(content, bytes) else content.encode()
