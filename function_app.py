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


# The flow's triggers, as the names are agreed; the functions that they call come with the app's own part.


@app.timer_trigger(arg_name="timer", schedule="%PollCron%")
def poll(timer: func.TimerRequest) -> None:  # noqa: ARG001 - the host gives it
    """Bring new mail of the mailbox into the inbox."""
    from triage.cloud import poll_mailbox  # type: ignore[import-untyped,import-not-found,unused-ignore]

    poll_mailbox()


@app.queue_trigger(arg_name="message", queue_name="inputs", connection="TriageStorage")
def read_input(message: func.QueueMessage) -> None:
    """Read the input that Event Grid tells of, and keep what it says for the committer."""
    from triage.cloud import read_blob

    read_blob(message.get_body().decode("utf-8"))


@app.timer_trigger(arg_name="timer", schedule="%CommitCron%")
def commit(timer: func.TimerRequest) -> None:  # noqa: ARG001 - the host gives it
    """Count what was read into incidents."""
    from triage.cloud import commit_waiting

    commit_waiting()


@app.queue_trigger(arg_name="message", queue_name="notices", connection="TriageStorage")
def relay(message: func.QueueMessage) -> None:
    """Send what waits to be told of one incident."""
    from triage.cloud import relay_incident

    relay_incident(message.get_body().decode("utf-8"))


@app.timer_trigger(arg_name="timer", schedule="%RelayCron%")
def relay_sweep(timer: func.TimerRequest) -> None:  # noqa: ARG001 - the host gives it
    """Send what an earlier kick did not get to."""
    from triage.cloud import relay_waiting

    relay_waiting()


@app.timer_trigger(arg_name="timer", schedule="%RetentionCron%")
def retain(timer: func.TimerRequest) -> None:  # noqa: ARG001 - the host gives it
    """Remove what is older than the settings say."""
    from triage.cloud import retain as remove_old

    remove_old()
