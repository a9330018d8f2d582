"""The exceptions that a command shows as a single line instead of a traceback."""

import difflib
import re
from collections.abc import Sequence

# TensorFlow's marks of where in a graph an error arose: {{node a}}, {{function_node __wrapped__…}}, [Op:Fill] name: x
_MARKS = re.compile(r"\{\{\w+[^{}]*\}\}|\[Op:\w+\](?: name:.*)?|\[\[.*\]\]|^ *\(\d+\) [A-Z_]+: ")


FEW = 5  # so many names a message holds of what may be many
_CHOICES = 12  # of names to choose from


class UserError(ValueError):
    """A mistake that the user can mend: the message says what, where, which rule and what to do."""


class Damaged(UserError):
    """A file, or a record of it, is not what it should be: cut short, or broken on the way; what else there is can be read."""


class Unavailable(UserError):
    """A service did not answer; the same command may work in a while."""


class Stopped(Exception):
    """Asked to stop, a command did so in good order: run again, it goes on."""


def nearest(name: str, known: Sequence[str]) -> str:
    """Ask which known name was meant, first of all one that begins like it: the end of a message about an unknown one."""
    longer = [one for one in known if name and one.startswith(name)][:3]
    close = longer or difflib.get_close_matches(name, known, n=3, cutoff=0.4)
    return f"did you mean {' or '.join(close) if close else first_of(known, _CHOICES, ' or ')}?"


def first_of(names: Sequence[str], shown: int = 1, between: str = ", ") -> str:
    """Name the first of many and how many more there are, so that a message stays a line."""
    more = len(names) - shown
    return between.join(names[:shown]) + (f" and {more:,} more" if more > 0 else "")


def reason_of(error: BaseException | str) -> str:
    """Return the first line in which an error of a library says something; of an error that is mute, its kind."""
    lines = str(error).splitlines()
    if lines[:1] == ["Graph execution error:"]:  # TensorFlow's reason comes after where the graph was made, before its nodes
        lines = lines[max(0, next((at for at, line in enumerate(lines) if "[[{{node" in line), 0) - 1) :]
    lines = [_MARKS.sub("", line).strip() for line in lines]
    return next(filter(None, lines), type(error).__name__ if isinstance(error, BaseException) else "no reason given")
