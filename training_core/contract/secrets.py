"""Credentials from the environment or one file, kept out of every other file."""

import os
import stat
import tomllib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from training_core.contract.errors import UsageError
from training_core.contract.toml_text import parse_toml

CREDENTIALS_FILE = "credentials.toml"

# The first variable that is set wins; then the file.
_VARIABLES: dict[str, tuple[str, ...]] = {
    "tracking_token": ("MLFLOW_TRACKING_TOKEN",),
    "tracking_username": ("MLFLOW_TRACKING_USERNAME",),
    "tracking_password": ("MLFLOW_TRACKING_PASSWORD",),
    "storage_access_key": ("HEIMDALL_S3_ACCESS_KEY", "MINIO_ACCESS_KEY", "AWS_ACCESS_KEY_ID"),
    "storage_secret_key": ("HEIMDALL_S3_SECRET_KEY", "MINIO_SECRET_KEY", "AWS_SECRET_ACCESS_KEY"),
}


class Credentials(BaseModel):
    """What servers ask for; printing it shows stars."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tracking_token: SecretStr | None = None
    """Bearer token of the MLflow server."""
    tracking_username: SecretStr | None = None
    """User of the MLflow server's basic authentication."""
    tracking_password: SecretStr | None = None
    """Password of the MLflow server's basic authentication."""
    storage_access_key: SecretStr | None = None
    """Access key of the object store."""
    storage_secret_key: SecretStr | None = None
    """Secret key of the object store."""


def credentials(home: Path) -> Credentials:
    """Credentials of the environment, completed from `credentials.toml` in `home`.

    Raises:
        UsageError: The file is not TOML, has unknown keys, or others may read it.
    """
    path = home / CREDENTIALS_FILE
    values: dict[str, object] = {}
    if path.is_file():
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise UsageError(
                f"The credentials file {path} was not read",
                why="Other users of this machine may read it",
                unharmed="Nothing was started",
                action=f"Run `chmod 600 {path}`",
            )
        try:
            values = parse_toml(path.read_text(encoding="utf-8"))
            Credentials.model_validate(values)
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, ValidationError) as error:
            # The cause may quote a secret: it is not chained.
            raise UsageError(
                f"The credentials file {path} was not read",
                why=f"It is not a TOML file of the known keys ({type(error).__name__})",
                unharmed="Nothing was started",
                action=f"Keep only these keys, as strings: {', '.join(_VARIABLES)}",
            ) from None
    for name, variables in _VARIABLES.items():
        found = next(
            (os.environ[variable] for variable in variables if os.environ.get(variable)), None
        )
        if found:
            values[name] = found
    return Credentials.model_validate(values)


def credential_sources(home: Path) -> dict[str, str]:
    """Where each credential that is set was found: a variable's name or the file's path.

    Raises:
        UsageError: As `credentials`.
    """
    found = credentials(home)
    sources: dict[str, str] = {}
    for name, variables in _VARIABLES.items():
        if getattr(found, name) is None:
            continue
        variable = next((v for v in variables if os.environ.get(v)), None)
        sources[name] = variable or str(home / CREDENTIALS_FILE)
    return sources
