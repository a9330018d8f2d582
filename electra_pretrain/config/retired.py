"""Fields that a config of an earlier release or of the released code may state, by the names that they have now."""

from typing import Any, NamedTuple

from electra_pretrain.core import typed
from electra_pretrain.core.errors import UserError
from electra_pretrain.core.json_files import shown


class Successor(NamedTuple):
    """What a retired switch says now.

    Attributes:
        field: its name in the same section.
        values: of off, and of on.
    """

    field: str
    values: tuple[Any, Any]


RETIRED = {"objective": {"untied_generator_embeddings": Successor("embedding_sharing", ("tied", "untied"))}}


def renamed(section: str, values: dict[str, Any], source: str) -> dict[str, Any]:
    """Return a section's values by the names of today.

    Args:
        section: its name.
        values: as a file or an override states them.
        source: named in errors.

    Raises:
        UserError: a retired switch is neither true nor false, or contradicts its successor, which is stated, too.
    """
    for name, (field, (off, on)) in RETIRED.get(section, {}).items():
        if name not in values:
            continue
        place = typed.Place(source, f"{section}.{name}")
        value = on if typed.read(bool, values[name], place) else off
        if values.get(field, value) != value:
            raise UserError(
                f"{place} = {shown(values[name])}: {section}.{field} = {shown(values[field])} says otherwise; leave it out"
            )
        values = {key: given for key, given in values.items() if key != name} | {field: value}
    return values
