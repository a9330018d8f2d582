"""The exceptions that a command shows as a single line instead of a traceback."""


class UserError(ValueError):
    """A mistake that the user can mend: the message says what, where, which rule and what to do."""


class Unavailable(UserError):
    """A service did not answer; the same command may work in a while."""


class Stopped(Exception):
    """Asked to stop, a command did so in good order: run again, it goes on."""
