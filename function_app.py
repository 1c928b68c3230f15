"""The triggers: each translates what the host gives it and calls one function of `triage.cloud`."""

from typing import TYPE_CHECKING

import azure.functions as func

if TYPE_CHECKING:
    from triage.cloud.answer import Answer

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)


@app.timer_trigger(arg_name="timer", schedule="%PollCron%")
def poll(timer: func.TimerRequest) -> None:  # noqa: ARG001 - the host gives it
    """Bring new mail of the mailbox into the inbox."""
    from triage.cloud import poll_mailbox

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


@app.timer_trigger(arg_name="timer", schedule="%LifecycleCron%")
def lifecycle(timer: func.TimerRequest) -> None:  # noqa: ARG001 - the host gives it
    """Apply what time alone does to incidents."""
    from triage.cloud import live_on

    live_on()


@app.timer_trigger(arg_name="timer", schedule="%RetentionCron%")
def retain(timer: func.TimerRequest) -> None:  # noqa: ARG001 - the host gives it
    """Remove what is older than the settings say."""
    from triage.cloud import retain as remove_old

    remove_old()


@app.route(route="inputs", methods=["POST"], trigger_arg_name="request")
def upload(request: func.HttpRequest) -> func.HttpResponse:
    """Keep a posted message, log or archive in the inbox, and say under which name."""
    from triage.cloud.posts import uploaded

    return _response(uploaded(request.get_body(), request.params.get("name", "")))


@app.route(route="diagnose", methods=["POST"], trigger_arg_name="request")
def diagnose(request: func.HttpRequest) -> func.HttpResponse:
    """Say what the posted message means, in the JSON of the contract. Keeps nothing."""
    from triage.cloud.posts import diagnosed

    return _response(diagnosed(request.get_body()))


def _response(answer: "Answer") -> func.HttpResponse:
    return func.HttpResponse(answer.body, headers=answer.headers, status_code=answer.status, mimetype=answer.media)
