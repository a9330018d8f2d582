"""Read a config by path or by the name of one that ships, with `section.field=value` overrides; write and compare configs."""

import dataclasses
import json
from typing import Any

from electra_pretrain.config.fields import parse_override
from electra_pretrain.config.kinds import PRETRAINING, refuse_others
from electra_pretrain.config.retired import renamed
from electra_pretrain.config.schema import ALL_SECTIONS, SECTIONS, Config
from electra_pretrain.core import json_files, shipped, typed
from electra_pretrain.core.errors import UserError

CONFIG_NAME = "config.json"  # the resolved config in a run's folder, as --config takes it


def load_config(name_or_path: str, overrides: list[str] | None = None) -> Config:
    """Read a config by path, or one that ships with the package by bare name, and apply `section.field=value` overrides.

    Raises:
        UserError: no such config, not JSON, or a rule of `Config.from_dict` is broken.
    """
    path = _find(name_or_path)
    values = json_files.read_object(path)
    refuse_others(values, path, PRETRAINING)
    return resolve(values, overrides or [], path)


def left_out(name_or_path: str, overrides: list[str]) -> list[str]:
    """List `section.field = default` for each field that neither the file nor an override states; files may be partial."""
    path = _find(name_or_path)
    values = _overridden(json_files.read_object(path), overrides, path)
    sections = {name: kind for name, kind in ALL_SECTIONS.items() if name in SECTIONS or values.get(name) is not None}
    return [
        f"{section}.{field.name} = {json.dumps(field.default)}"
        for section, section_type in sections.items()
        for field in dataclasses.fields(section_type)
        if field.name not in values.get(section, {})
    ]


def resolve(values: dict[str, Any], overrides: list[str], source: str) -> Config:
    """Build a config from its sections and `section.field=value` overrides; raises as `Config.from_dict`."""
    return Config.from_dict(_overridden(values, overrides, source), f"{source} with --set" if overrides else source)


def to_text(config: Config) -> str:
    """Write the config as text, as a file holds it."""
    return json.dumps(config.to_dict(), ensure_ascii=False, indent=2) + "\n"


def differences(old: Config, new: Config) -> dict[str, tuple[Any, Any]]:
    """Map `section.field` to (old, new) for each field that differs, notes aside."""
    found: dict[str, tuple[Any, Any]] = {}
    for section in ALL_SECTIONS:
        before, after = getattr(old, section), getattr(new, section)
        if before is None or after is None:
            found |= {} if before is after else {section: (_plain(before), _plain(after))}
            continue
        pairs = {key: (value, _plain(after)[key]) for key, value in _plain(before).items()}
        found |= {f"{section}.{key}": pair for key, pair in pairs.items() if pair[0] != pair[1]}
    if old.phases != new.phases:
        found["phases"] = ([dataclasses.asdict(phase) for phase in old.phases], [dataclasses.asdict(p) for p in new.phases])
    return found


def _plain(section: Any) -> Any:
    return None if section is None else dataclasses.asdict(section)


def _find(name_or_path: str) -> str:
    return shipped.find(name_or_path, "configs", ".json", "config")


def _overridden(values: dict[str, Any], overrides: list[str], source: str) -> dict[str, Any]:
    form = f"section.field=value, with a section of {', '.join(ALL_SECTIONS)}; notes and phases are set in the file"
    values, said = _by_todays_names(values, source), dict[tuple[str, str], tuple[str, Any]]()
    for override in overrides:
        target, value = parse_override(override, form)
        section, dot, field = target.partition(".")
        if not dot or section not in ALL_SECTIONS:
            raise UserError(f"--set {override}: must read {form}")
        for name, stated in renamed(section, {field: value}, f"--set {override}").items():
            _refuse_contradiction(override, field, stated, said.get((section, name)))
            said[section, name] = override, stated
            given = typed.read(dict[str, Any], values.get(section) or {}, typed.Place(source, section))
            values = {**values, section: {**given, name: _read(section, name, stated, override)}}
    return values


def _refuse_contradiction(override: str, field: str, stated: Any, earlier: tuple[str, Any] | None) -> None:
    """Refuse two overrides that say the same field differently, one of them by a name that it had once.

    The same name given twice is no contradiction: the last one counts, as of every option.
    """
    if earlier is not None and earlier[1] != stated and field not in earlier[0].partition("=")[0].split("."):
        raise UserError(f"--set {override}: --set {earlier[0]} says otherwise; leave one of them out")


def _by_todays_names(values: dict[str, Any], source: str) -> dict[str, Any]:
    """Return what a file states with its retired fields renamed."""
    sections = {name: value for name, value in values.items() if name in ALL_SECTIONS and isinstance(value, dict)}
    return values | {name: renamed(name, value, source) for name, value in sections.items()}


def _read(section: str, field: str, value: Any, override: str) -> Any:
    """Return an override's value as its field's type."""
    known: dict[str, Any] = {each.name: each.type for each in dataclasses.fields(ALL_SECTIONS[section])}
    typed.refuse_unknown({field: value}, list(known), f"--set {override}")
    return typed.read(known[field], value, typed.Place(f"--set {section}.{field}"))
