"""A LightningModule and a LightningDataModule of the user's own."""

import importlib
import inspect
import os
import sys
from typing import Any

import pytorch_lightning as pl

from training_core.contract.errors import ConfigError, ConfigProblem


def own_class(key: str, class_path: str, base: type[Any]) -> type[Any]:
    """Import `package.module:Class` of the user's own.

    The directory that the run was started in is on the path, as for `python -m`.

    Args:
        key: Where the path stands in the configuration.
        class_path: Module and class.
        base: What the class must be.

    Raises:
        ConfigError: It cannot be imported, or is something else.
    """
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    module_name, _, class_name = class_path.partition(":")
    try:
        found = getattr(importlib.import_module(module_name), class_name)
    except (ImportError, AttributeError) as error:
        raise ConfigError([ConfigProblem(key, f"cannot be imported: {error}")]) from error
    if not (isinstance(found, type) and issubclass(found, base)):
        raise ConfigError([ConfigProblem(key, f"{class_path} is no {base.__name__}")])
    return found


def own_module(class_path: str, arguments: dict[str, Any]) -> pl.LightningModule:
    """The user's model.

    Raises:
        ConfigError: The class or its arguments do not fit.
    """
    module: pl.LightningModule = _make("model", class_path, pl.LightningModule, arguments)
    return module


def own_data(
    class_path: str, arguments: dict[str, Any], num_workers: int | None = None
) -> pl.LightningDataModule:
    """The user's data.

    Args:
        class_path: Module and class.
        arguments: Its keyword arguments.
        num_workers: Passed on where the class takes such an argument and none is given.

    Raises:
        ConfigError: The class or its arguments do not fit.
    """
    found = own_class("data.class", class_path, pl.LightningDataModule)
    if num_workers is not None and "num_workers" in inspect.signature(found).parameters:
        arguments = {"num_workers": num_workers, **arguments}
    data: pl.LightningDataModule = _make("data", class_path, pl.LightningDataModule, arguments)
    return data


def _make(section: str, class_path: str, base: type[Any], arguments: dict[str, Any]) -> Any:
    found = own_class(f"{section}.class", class_path, base)
    try:
        return found(**arguments)
    except TypeError as error:
        problem = ConfigProblem(f"{section}.arguments", f"do not fit {class_path}: {error}")
        raise ConfigError([problem]) from error
