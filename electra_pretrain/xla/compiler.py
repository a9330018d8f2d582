"""Ask a device's real compiler what a program costs; it runs in a process of its own."""

import json
import logging
import subprocess
import sys
import tempfile
import time
from typing import Any, NamedTuple

from electra_pretrain.core import optional
from electra_pretrain.core.errors import UserError
from electra_pretrain.core.progress import duration

LINE_INTERVAL_SECONDS = 60.0
_log = logging.getLogger(__name__)


class Compiler(NamedTuple):
    """A compiler of XLA's, and how to get it.

    Attributes:
        device: what it compiles for, as messages say it: "TPU".
        packages: modules that it runs in; pinned together in the extra.
        extra: the extra of this package that installs them.
        module: what is run as its process.
        takes: how long a base model takes on two cores.
    """

    device: str
    packages: tuple[str, ...]
    extra: str
    module: str
    takes: str

    @property
    def install(self) -> str:
        """What pip is given."""
        return optional.extra_name(self.extra)

    def is_installed(self) -> bool:
        """Return whether the compiler can be asked here."""
        return not optional.missing(*self.packages)

    def check_installed(self) -> None:
        """Refuse to go on without the compiler.

        Raises:
            UserError: packages of the extra are missing; they are named.
        """
        if missing := optional.missing(*self.packages):
            names = ", ".join(missing)
            raise UserError(f"the {self.device} compiler is not installed ({names}); run: pip install {self.install}")

    def ask(self, module: bytes, target: str, compiled_path: str | None = None) -> dict[str, Any]:
        """Compile a program and return what the compiler's process printed.

        Args:
            module: the program as a serialised HLO module.
            target: the device, as the process is told it.
            compiled_path: where to write the compiled program.

        Raises:
            UserError: the compiler is not installed, or stopped.
        """
        self.check_installed()
        with tempfile.NamedTemporaryFile(suffix=".hlo") as file:
            file.write(module)
            file.flush()
            return self._run([file.name, target, *([compiled_path] if compiled_path else [])])

    def _run(self, arguments: list[str]) -> dict[str, Any]:
        """Run the compiler's process, saying once a minute that it still runs."""
        command = [sys.executable, "-m", self.module, *arguments]
        _log.info("compiling; a base model takes %s on two cores", self.takes)
        began = time.monotonic()
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8", errors="replace"
        ) as process:
            while True:
                try:
                    out, complaints = process.communicate(timeout=LINE_INTERVAL_SECONDS)
                    break
                except subprocess.TimeoutExpired:
                    _log.info("compiling for %s", duration(time.monotonic() - began))
        if process.returncode:
            lines = complaints.strip().splitlines() or ["it said nothing"]
            raise UserError(
                f"the {self.device} compiler stopped with code {process.returncode}: {lines[-1]}; "
                f"its releases are pinned: pip install {self.install} in a fresh environment"
            )
        result: dict[str, Any] = json.loads(out.strip().splitlines()[-1])
        return result
