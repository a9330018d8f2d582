"""What Google's metadata server tells a virtual machine of itself: its zone, its TPU. It may be missing, or stand still."""

import http.client
import os
import urllib.error
import urllib.request

_HOST = "metadata.google.internal"
_HOST_VARIABLE = "GCE_METADATA_HOST"  # as google-auth has it
_MISSING = 404


class Silent(Exception):
    """There is no answer, or one that is no metadata server's; the message says what came instead."""


def ask(path: str, seconds: float = 1.0) -> str | None:
    """Return what it says of this machine; None where it knows of no such thing.

    Args:
        path: such as "zone" or "attributes/accelerator-type".
        seconds: how long to wait.

    Raises:
        Silent: it does not answer.
    """
    address = f"http://{os.environ.get(_HOST_VARIABLE) or _HOST}/computeMetadata/v1/instance/{path}"
    request = urllib.request.Request(address, headers={"Metadata-Flavor": "Google"})
    try:
        with urllib.request.urlopen(request, timeout=seconds) as answer:
            return str(answer.read().decode()).strip() or None
    except urllib.error.HTTPError as error:
        if error.code == _MISSING:
            return None
        raise Silent(f"HTTP {error.code}") from error
    except OSError as error:  # a URLError is one, and so is running out of time
        raise Silent(str(getattr(error, "reason", error))) from error
    except (ValueError, http.client.HTTPException) as error:  # no text, no HTTP, or an answer cut short
        raise Silent(str(error) or type(error).__name__) from error


def ask_quietly(path: str) -> str | None:
    """Return the same; None also where there is no answer."""
    try:
        return ask(path)
    except Silent:
        return None
