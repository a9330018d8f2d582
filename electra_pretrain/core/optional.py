"""Packages that only some tasks need: imported where they are used, and missed in one line that says what to install."""

import importlib
import importlib.util
from typing import Any

from electra_pretrain.core.errors import UserError


def load(module: str, purpose: str, extra: str = "", package: str = "") -> Any:
    """Import an optional module.

    Args:
        module: its name, such as "pyarrow.parquet".
        purpose: what needs it, as the message begins: "--near", "part.parquet".
        extra: the extra of this package that installs it; "" where it is installed by its own name.
        package: what it is called on the registry, if not as the module.

    Raises:
        UserError: it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        name = package or module.partition(".")[0]
        install = extra_name(extra) if extra else name
        raise UserError(f"{purpose}: needs {name}, which is not installed; run: pip install {install}") from error


def missing(*modules: str) -> list[str]:
    """List those of the modules that are not installed."""
    return [module for module in modules if importlib.util.find_spec(module) is None]


def extra_name(extra: str) -> str:
    """Quote an extra of this package as pip and a shell take it."""
    return f"'electra_pretrain[{extra}]'"
