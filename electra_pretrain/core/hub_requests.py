"""Requests to the Hugging Face Hub: asked again where that may help, ended in one line where it refuses."""

import logging
import time
from collections.abc import Callable
from typing import Any, TypeVar, cast

from electra_pretrain.core.errors import Unavailable, UserError

T = TypeVar("T")
_log = logging.getLogger(__name__)
# The library itself waits half a minute for every block of a file and every page of a listing, and not at all for the rest.
_WAITS = (1.0, 2.0, 4.0)  # seconds before the request is made again
_LOG_IN = "log in (hf auth login) or set HF_TOKEN"
# By the name of the library's error, the narrow ones first; not every release has all of them.
_LINES = {
    "GatedRepoError": f"gated; agree to the terms on the repository's page, then {_LOG_IN} for the account that agreed",
    "DisabledRepoError": "the Hub has disabled this repository; choose another",
    "RepositoryNotFoundError": "no such repository on the Hub, or a private one; check the name (a data set's begins with "
    f"hf://datasets/), or {_LOG_IN} for an account that may read it",
    "BucketNotFoundError": f"no such bucket on the Hub, or a private one; check the name, or {_LOG_IN}",
    "RevisionNotFoundError": "the repository has no such revision; name a branch, a tag or a commit behind the @",
    "EntryNotFoundError": "no such file in the repository; check the path",
    "FileNotFoundError": "no such file in the repository; check the path",
    "OfflineModeIsEnabled": "HF_HUB_OFFLINE forbids requests; unset it, or name files of this machine",
    "JSONDecodeError": "what answers is not the Hub; check HF_ENDPOINT and the network's proxy",
    "ValueError": "no path on the Hub; give hf://datasets/OWNER/NAME/PATH, or hf://datasets/OWNER/NAME@REVISION/PATH",
    "NotImplementedError": "no path on the Hub; give hf://datasets/OWNER/NAME/PATH",
}


def refusals() -> tuple[type[Exception], ...]:
    """Return what a request may raise: OSError, and whatever the HTTP library of that release raises without a connection."""
    from huggingface_hub.errors import HfHubHTTPError

    return cast("tuple[type[Exception], ...]", HfHubHTTPError.__bases__)


def reason(error: BaseException) -> str:
    """Return the first line of what an error says."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def asked(path: str, request: Callable[[], T]) -> T:
    """Make a request, again after a while where the Hub is busy or the connection breaks.

    Args:
        path: what is asked about, for the message.
        request: makes it, and may be called again.

    Raises:
        UserError: it is refused; `Unavailable` where there is no answer.
    """
    waits = iter(_WAITS)
    caught: tuple[type[Exception], ...] = (*refusals(), ValueError, NotImplementedError)
    while True:
        try:
            return request()
        except UserError:
            raise
        except caught as error:
            if not _may_pass(error):
                raise _explained(path, error) from error
            wait = next(waits, None)
            if wait is None:
                raise Unavailable(
                    f"{path}: no answer from the Hub ({reason(error)}); check the network, then run the same command again"
                ) from error
            _log.warning("%s: %s; asked again in %.0f s", path, reason(error), wait)
            time.sleep(wait)


def _may_pass(error: BaseException) -> bool:
    status = _status(error)
    if status is not None:
        return status in (408, 429) or status >= 500
    broken = (*(kind for kind in refusals() if kind is not OSError), ConnectionError, TimeoutError)
    return isinstance(error, broken) and type(error).__name__ != "OfflineModeIsEnabled"


def _explained(path: str, error: BaseException) -> UserError:
    if type(error) is FileNotFoundError and error.__cause__ is not None:
        error = error.__cause__  # the repository or the revision is missing, or the name is none
    status = _status(error)
    names = [kind.__name__ for kind in type(error).__mro__]
    line = next((_LINES[name] for name in _LINES if name in names), None)
    if line is None and status == 401:
        line = f"the Hub does not know this token; {_LOG_IN} anew"
    if line is None and status == 403:
        line = f"this token may not read it ({reason(error)}); {_LOG_IN} for an account that may"
    return UserError(f"{path}: {line or f'the Hub refuses ({reason(error)})'}")


def _status(error: BaseException) -> int | None:
    """Return the HTTP status of an answer that was an error; None where there was no answer."""
    response: Any = getattr(error, "response", None)
    return None if response is None else int(response.status_code)
