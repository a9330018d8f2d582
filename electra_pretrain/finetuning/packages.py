"""The packages that fine-tuning needs: refused in one line where one is missing, and told of in every result."""

import contextlib
import importlib.metadata

from electra_pretrain.core import optional
from electra_pretrain.core.errors import UserError

EXTRA = "finetune"
# As the registry names them -> the module to import.
_MODULES = {
    "torch": "torch",
    "transformers": "transformers",
    "accelerate": "accelerate",
    "datasets": "datasets",
    "seqeval": "seqeval",
    "nltk": "nltk",
    "scipy": "scipy",
    "scikit-learn": "sklearn",
}


def require_packages() -> None:
    """Refuse to begin where a package is missing; none is imported.

    Raises:
        UserError: a package is not installed.
    """
    modules = optional.missing(*_MODULES.values())
    if names := [name for name, module in _MODULES.items() if module in modules]:
        raise UserError(f"fine-tuning needs {', '.join(names)}; run: pip install {optional.extra_name(EXTRA)}")


def versions() -> dict[str, str]:
    """Return the version of this package and of those that it fine-tunes with."""
    return {name: _version(name) for name in ("electra_pretrain", *_MODULES)}


def _version(package: str) -> str:
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        return importlib.metadata.version(package)
    return ""
