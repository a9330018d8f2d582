"""Upload exported directories to the Hugging Face hub, each as a model repository."""

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from electra_pretrain.convert.card_code import for_hub
from electra_pretrain.core import files, hub_requests, optional
from electra_pretrain.core.errors import UserError

if TYPE_CHECKING:
    from huggingface_hub import CommitOperationAdd

CARD_NAME = "README.md"


class Hub:
    """A hub that accepted our token; make it before any work is done.

    Raises:
        UserError: the library is missing, the name is no repository's, there is no token, or the hub refuses it.
    """

    def __init__(self, repo: str, output: str) -> None:
        optional.load("huggingface_hub", "--push_to_hub", extra="hub")
        from huggingface_hub import HfApi, get_token
        from huggingface_hub.errors import HFValidationError
        from huggingface_hub.utils import validate_repo_id

        if files.is_remote(output):
            raise UserError(f"--push_to_hub: --output {output}: must be a folder of this machine")
        try:
            validate_repo_id(repo)
        except HFValidationError as error:
            raise UserError(f"--push_to_hub {repo}: no name of a repository; give OWNER/NAME") from error
        token = get_token()
        if token is None:
            raise UserError("--push_to_hub: no token; run: hf auth login, or set HF_TOKEN to a token that may write")
        self._repo, self._api = repo, HfApi(token=token)
        _request("the token", self._api.whoami)

    def push(self, folders: Sequence[str]) -> list[str]:
        """Upload the directories, each to a repository of its own, new ones private; returns where they are.

        A masked language model goes to the name itself, others to the name with `-discriminator`, `-generator`.
        """
        return [self._push_one(folder) for folder in folders]

    def _push_one(self, folder: str) -> str:
        kind = os.path.basename(folder)
        repo = self._repo if kind == "masked_lm" else f"{self._repo}-{kind}"
        _request(repo, lambda: self._api.create_repo(repo, private=True, exist_ok=True))
        commit = {"repo_id": repo, "operations": _additions(folder, repo), "commit_message": f"Upload {kind}"}
        _request(repo, lambda: self._api.create_commit(**commit))
        return f"{self._api.endpoint}/{repo}"


def _additions(folder: str, repo: str) -> list["CommitOperationAdd"]:
    """List a directory's files for a commit; the card's example names the repository there, not the folder."""
    from huggingface_hub import CommitOperationAdd

    paths = {name: os.path.join(folder, name) for name in sorted(os.listdir(folder))}
    contents: dict[str, str | bytes] = {name: path for name, path in paths.items() if os.path.isfile(path)}
    contents[CARD_NAME] = for_hub(files.read_text(paths[CARD_NAME]), repo).encode("utf-8")
    return [CommitOperationAdd(path_in_repo=name, path_or_fileobj=content) for name, content in contents.items()]


def _request(what: str, ask: Callable[[], object]) -> None:
    """Run a request; what the hub or the network refuses ends in one line."""
    try:
        ask()
    except hub_requests.refusals() as error:
        raise UserError(
            f"--push_to_hub: {what}: {hub_requests.reason(error)}; mend this and run the same command again"
        ) from error
