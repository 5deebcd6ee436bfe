"""Find, load and check plugins; make a manager and keep no global.

Load order: the built-in list below, then installed packages with the entry point `openmetrics`, then the
files and packages of `plugins_dir`. Names in `plugins_disabled` are passed over.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import pluggy

from openmetrics import hookspecs

BUILT_IN: tuple[str, ...] = (
    "openmetrics.store.engines",
    "openmetrics_plugins.micro_metrics",
    "openmetrics_plugins.open_metrics",
    "openmetrics_plugins.pixel",
    "openmetrics_plugins.bot_filter",
    "openmetrics_plugins.trends",
    "openmetrics_plugins.lifecycle",
    "openmetrics_plugins.retention",
    "openmetrics_plugins.metrics",
    "openmetrics_plugins.funnel",
    "openmetrics_plugins.importer",
    "openmetrics_plugins.exporter",
    "openmetrics_plugins.packs",
)
CORE = frozenset(("engines",))
"""Built-in parts that cannot be disabled: without an engine there is no server."""

T = TypeVar("T")


class PluginError(Exception):
    """Name the plugin that keeps the server from starting, and why."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """One loaded plugin: its name, where it came from, and the hooks that it implements."""

    name: str
    origin: str
    hooks: tuple[str, ...]
    is_built_in: bool


def build_manager(
    plugins_dir: str = "", disabled: Iterable[str] = (), built_in: Iterable[str] = BUILT_IN
) -> Any:
    """Load all plugins and return their manager.

    Raises PluginError, naming the plugin, for one that does not load, has an unknown hook or argument, or a
    name that another one has.
    """
    manager = pluggy.PluginManager("openmetrics")
    manager.add_hookspecs(hookspecs)
    off = set(disabled) - CORE
    for module_name in built_in:
        name = module_name.rsplit(".", 1)[1]
        if name not in off:
            _register(manager, name, lambda path=module_name: importlib.import_module(path))  # type: ignore[misc]
    for entry in sorted(metadata.entry_points(group="openmetrics"), key=lambda entry: entry.name):
        if entry.name not in off:
            _register(manager, entry.name, entry.load)
    if plugins_dir:
        for path in _find_files(Path(plugins_dir)):
            if path.stem not in off:
                _register(manager, path.stem, lambda found=path: _load_file(found))  # type: ignore[misc]
    try:
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        raise PluginError(f"plugin {_name_of(manager, error.plugin)}: {error}") from error
    return manager


def _register(manager: Any, name: str, load: Callable[[], Any]) -> None:
    try:
        plugin = load()
        manager.register(plugin, name)
    except Exception as error:
        raise PluginError(f"plugin {name} does not load: {type(error).__name__}: {error}") from error


def _find_files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise PluginError(f"plugins_dir {folder} is no folder")
    files = [path for path in folder.iterdir() if path.suffix == ".py" and not path.name.startswith("_")]
    packages = [path for path in folder.iterdir() if (path / "__init__.py").is_file()]
    return sorted(files + packages)


def _load_file(path: Path) -> ModuleType:
    name = f"openmetrics_local_{path.stem}"
    is_package = path.is_dir()
    spec = importlib.util.spec_from_file_location(
        name,
        path / "__init__.py" if is_package else path,
        submodule_search_locations=[str(path)] if is_package else None,
    )
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _name_of(manager: Any, plugin: Any) -> str:
    return str(manager.get_name(plugin) or getattr(plugin, "__name__", "?"))


def list_plugins(manager: Any) -> list[Loaded]:
    """Return what is loaded, in load order."""
    rows = []
    for name, plugin in manager.list_name_plugin():
        hooks = tuple(sorted(caller.name for caller in manager.get_hookcallers(plugin) or ()))
        is_built_in = getattr(plugin, "__name__", "") in BUILT_IN
        rows.append(Loaded(name, str(getattr(plugin, "__file__", "?")), hooks, is_built_in))
    return rows


def collect(
    manager: Any, hook: str, key: Callable[[T], str], taken: dict[str, str] | None = None, **arguments: Any
) -> tuple[T, ...]:
    """Run a collect hook: join the lists, sort by name, and refuse a name that is given twice.

    `taken` maps names that are taken already to who has them; the new ones are added.
    """
    found: dict[str, T] = {}
    owners: dict[str, str] = {} if taken is None else taken
    for implementation in getattr(manager.hook, hook).get_hookimpls():
        wanted = {name: arguments[name] for name in implementation.argnames}
        giver = f"plugin {implementation.plugin_name}"
        try:
            rows = list(implementation.function(**wanted))
        except Exception as error:
            raise PluginError(f"{giver} failed in {hook}: {type(error).__name__}: {error}") from error
        for row in rows:
            name = key(row)
            if name in owners:
                both = f"{owners[name]} and {giver}"
                raise PluginError(f"{hook}: {name!r} is given by both {both}; disable one")
            found[name] = row
            owners[name] = giver
    return tuple(found[name] for name in sorted(found))
