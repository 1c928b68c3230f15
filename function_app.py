"""The triggers: each translates what the host gives it and calls one function."""

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)


@app.blob_trigger(arg_name="mail", path="inbox/{name}", connection="TriageStorage", source=func.BlobSource.EVENT_GRID)
def take_in_blob(mail: func.InputStream) -> None:
    """Take in what was put into the `inbox` container: keep, read and count it, and write its incidents."""
    from triage.wiring import take_in_bytes

    take_in_bytes(mail.read(), mail.name or "inbox")


@app.route(route="diagnose", methods=["POST"], trigger_arg_name="request")
def diagnose(request: func.HttpRequest) -> func.HttpResponse:
    """Say what the posted message means, in the JSON of the contract. Keeps nothing."""
    from triage.wiring import diagnose_bytes

    lines = diagnose_bytes(request.get_body(), "http")
    return func.HttpResponse(lines, status_code=200, mimetype="application/x-ndjson")
