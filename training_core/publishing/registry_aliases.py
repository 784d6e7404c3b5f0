"""Moving the aliases of a registered model."""

from training_core.publishing.mlflow_store import MlflowStore, RefusedError
from training_core.publishing.registry import known_models


def set_alias(
    tracking: MlflowStore, name: str, alias: str, version: int, expected: int | None = None
) -> int:
    """Move an alias to a version, or with version 0 take it away.

    Args:
        tracking: MLflow with its registry.
        name: Registered model.
        alias: Made where there is none of that name.
        version: Where it moves to.
        expected: Where it is, 0 for nowhere; None does not ask.

    Returns:
        The version that it was at; 0 for none.

    Raises:
        TrackingError: There is no such model or version, the alias is elsewhere than expected,
            or MLflow did not answer.
    """
    from mlflow.exceptions import MlflowException

    before = _aliases(tracking, name).get(alias, 0)
    if expected is not None and before != expected:
        raise RefusedError(
            f"The alias {alias} of {name} was not moved",
            why=f"It is at {f'version {before}' if before else 'no version'} by now, "
            f"not at {f'version {expected}' if expected else 'none'}",
            unharmed="Nothing was changed",
            action="Look again, then move it from where it is",
        )
    try:
        if version:
            tracking.client.get_model_version(name, str(version))
            if version != before:
                tracking.client.set_registered_model_alias(name, alias, str(version))
        elif before:
            tracking.client.delete_registered_model_alias(name, alias)
    except MlflowException as error:
        with tracking.explained(f"The alias {alias} of {name} was not moved"):
            if error.error_code not in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
                raise
        raise RefusedError(
            f"The alias {alias} of {name} was not moved",
            why=str(error.message)[:300],
            unharmed="Nothing was changed",
            action="Choose a version that exists, and an alias of letters, digits, - and _",
        ) from error
    return before


def _aliases(tracking: MlflowStore, name: str) -> dict[str, int]:
    from mlflow.exceptions import MlflowException

    with tracking.explained(f"The registered model {name} could not be looked up"):
        try:
            found = tracking.client.get_registered_model(name).aliases
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            raise RefusedError(
                f"There is no registered model {name}",
                why=f"{tracking.uri} knows {known_models(tracking, name)}",
                unharmed="Nothing was changed",
                action="Check the name and tracking.uri",
            ) from error
    return {str(alias): int(number) for alias, number in found.items()}
