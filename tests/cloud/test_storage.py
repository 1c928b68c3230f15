"""Which account the environment names, and what is said where it names none that can be used."""

import pytest

from triage.cloud.storage import decoded, encoded, storage_of
from triage.errors import Misconfigured

AZURE = {
    "TriageStorage__blobServiceUri": "https://contoso.blob.core.windows.net",
    "TriageStorage__queueServiceUri": "https://contoso.queue.core.windows.net",
    "TriageStorage__credential": "managedidentity",
    "TriageStorage__clientId": "00000000-0000-4000-8000-000000000001",
}


def test_services_are_reached_with_the_identity() -> None:
    """With the settings of a deployment the clients have the services' addresses and no key."""
    storage = storage_of(AZURE)
    assert storage.blobs.url == "https://contoso.blob.core.windows.net/"
    assert storage.queue("inputs").url.startswith("https://contoso.queue.core.windows.net/inputs")
    assert type(storage.blobs.credential).__name__ == "ManagedIdentityCredential"


def test_person_at_a_laptop_is_who_is_signed_in() -> None:
    """Without the managed identity's setting the clients take whoever is signed in on this machine."""
    storage = storage_of({name: value for name, value in AZURE.items() if name.endswith("Uri")})
    assert type(storage.blobs.credential).__name__ == "DefaultAzureCredential"


@pytest.mark.parametrize("left_out", ["TriageStorage__blobServiceUri", "TriageStorage__queueServiceUri"])
def test_account_that_is_half_named_is_said(left_out: str) -> None:
    """Both addresses are needed, and the sentence names the settings."""
    with pytest.raises(Misconfigured, match=left_out):
        storage_of({name: value for name, value in AZURE.items() if name != left_out})


def test_broken_connection_string_is_not_repeated() -> None:
    """A connection string holds a key: an error says that it is malformed and shows nothing of it."""
    with pytest.raises(Misconfigured) as raised:
        _ = storage_of({"TriageStorage": "AccountKey=c2VjcmV0;rubbish"}).blobs
    assert "malformed" in str(raised.value)
    assert "c2VjcmV0" not in repr(raised.value)
    assert raised.value.__cause__ is None


@pytest.mark.parametrize(("body", "text"), [(encoded('{"a": "é"}'), '{"a": "é"}'), ("no base64!", "no base64!")])
def test_bodies_of_messages_are_base64(body: str, text: str) -> None:
    """What was sent is given back; what somebody else put there is shown as it stands."""
    assert decoded(body) == text
