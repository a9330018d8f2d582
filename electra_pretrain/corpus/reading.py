"""How the bytes of a corpus become documents: what a command was told about it, the same for every file and every worker."""

from typing import Any, NamedTuple, get_args

from electra_pretrain.core.errors import UserError, nearest
from electra_pretrain.corpus.damage import OnBadFile
from electra_pretrain.corpus.layouts.layout import Form
from electra_pretrain.corpus.layouts.modu import MODU
from electra_pretrain.corpus.layouts.registry import AUTO, COMMENTS, layout_by_name


class Reading(NamedTuple):
    """How bytes become documents.

    Attributes:
        text_field: where a record holds its text: a key, a path into JSON such as `document[].paragraph[].form`, a column.
        encoding: Python's name of it.
        on_bad_bytes: "error", "skip" or "replace"; see `decoding.Decoder`.
        layout: a name in `layouts.registry`; "auto" goes by a file's name and what it begins with.
        on_bad_file: "error", or "skip" for what cannot be read any further.
        members: globs, joined by commas, of the archives' members that are meant; "" for all that can be read.
        thread_field: of comments, where a record names the article or thread that it belongs to; "" for none.
        form: of `modu`'s utterances, "form" or "original_form".
    """

    text_field: str = "text"
    encoding: str = "utf-8"
    on_bad_bytes: str = "error"
    layout: str = AUTO
    on_bad_file: OnBadFile = "error"
    members: str = ""
    thread_field: str = ""
    form: Form = "form"

    def departures(self) -> dict[str, Any]:
        """Return what was told beyond `text_field` and the bytes; nothing of it, and what is made bears no trace of it."""
        plain = Reading(self.text_field, self.encoding, self.on_bad_bytes)._asdict()
        return {name: value for name, value in self._asdict().items() if value != plain[name]}

    def is_strict_utf8(self) -> bool:
        """Tell whether text is UTF-8, and all that is wrong an error: then bytes need not be decoded to be passed on."""
        return (self.encoding, self.on_bad_bytes, self.on_bad_file) == ("utf-8", "error", "error")

    def checked(self) -> "Reading":
        """Return itself.

        Raises:
            UserError: a value is none of those that it may have.
        """
        for name, known in (("on_bad_file", get_args(OnBadFile)), ("form", get_args(Form))):
            if getattr(self, name) not in known:
                raise UserError(f"--{name} {getattr(self, name)}: {nearest(getattr(self, name), known)}")
        if not self.text_field:
            raise UserError("--text_field: is empty; name the key, path or column that holds the text, or leave it out")
        if self.form != "form" and self.layout not in (AUTO, MODU.name):
            raise UserError(f"--form {self.form}: is for --layout {MODU.name}, not {self.layout}")
        if self.form != "form" and self.text_field != Reading().text_field:
            raise UserError(f"--form {self.form}: not beside --text_field, which names the text itself; leave one of them out")
        if self.thread_field and self.layout != COMMENTS.name:
            raise UserError(f"--thread_field {self.thread_field}: is for --layout {COMMENTS.name}")
        if self.layout != AUTO:
            layout_by_name(self.layout)
        return self
