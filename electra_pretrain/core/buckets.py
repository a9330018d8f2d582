"""Google Cloud Storage through Google's own library: a client, the parts of a URL, and one line for what goes wrong.

It does what TensorFlow's file system, which `files` uses, does not: checksums, and writes on the condition that nobody else has
written meanwhile. It retries what is transient and honours STORAGE_EMULATOR_HOST; it is imported only when a bucket is opened.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

from electra_pretrain.core import optional
from electra_pretrain.core.errors import Unavailable, UserError, reason_of

ROLE = "roles/storage.objectUser"
# How long 429, 5xx and a broken connection are borne at a start, where nobody has seen the network work.
FIRST_RETRY_SECONDS = 20.0


def open_client(url: str) -> Any:
    """Make a `google.cloud.storage.Client`.

    Raises:
        UserError: the library is not installed, or there are no credentials.
    """
    storage = optional.load("google.cloud.storage", url, package="google-cloud-storage")
    with explained(url):
        # Objects belong to no project; looking for one would fail where only credentials are set.
        return storage.Client(project=None)


def split(url: str) -> tuple[str, str]:
    """Split a URL into the bucket and the prefix of its objects' names ("" or "folder/")."""
    scheme, _, rest = url.partition("://")
    bucket, *folders = rest.removesuffix("/").split("/")
    if scheme != "gs" or "" in (bucket, *folders):
        raise UserError(f"{url}: is not a folder in a bucket; write it as gs://bucket/folder")
    return bucket, "".join(f"{folder}/" for folder in folders)


@contextlib.contextmanager
def explained(url: str) -> Iterator[None]:
    """Turn what the library raises into one line that says what to do.

    Raises:
        Unavailable: no network, or the service does not answer.
        UserError: no credentials, no permission, no such bucket, or the service refused.
    """
    from google.api_core import exceptions as api
    from google.auth import exceptions as auth
    from requests import RequestException

    log_in = "run: gcloud auth application-default login, or name a service account's key in GOOGLE_APPLICATION_CREDENTIALS"
    bucket = "/".join(url.split("/")[:3])
    try:
        yield
    except auth.TransportError as error:
        raise _unreachable(url, error) from error
    except (auth.GoogleAuthError, api.Unauthorized) as error:
        raise UserError(f"{url}: no valid Google Cloud credentials ({reason(error)}); {log_in}") from error
    except api.Forbidden as error:
        raise UserError(f"{url}: no permission ({reason(error)}); ask for {ROLE} on {bucket}") from error
    except api.NotFound as error:
        raise UserError(
            f"{bucket}: no such bucket; check the name, or create it in the TPU's region: "
            f"gcloud storage buckets create {bucket} --location=REGION"
        ) from error
    except (api.RetryError, api.ServerError, api.TooManyRequests, RequestException) as error:
        raise _unreachable(url, error) from error
    except api.GoogleAPICallError as error:
        raise UserError(f"{url}: refused ({reason(error)}); check bucket and folder") from error


def _unreachable(url: str, error: Exception) -> Unavailable:
    why = reason(getattr(error, "cause", None) or error)
    return Unavailable(f"{url}: cannot be reached ({why}); check the network, then run the same command again")


def reason(error: Any) -> str:
    """Quote what the server says, without the URL and the JSON around it; or the error's first line."""
    try:
        return str(error.response.json()["error"]["message"])
    except (AttributeError, KeyError, TypeError, ValueError):
        return reason_of(error)
