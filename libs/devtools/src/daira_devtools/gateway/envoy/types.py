"""Envoy's names for its extensions."""

from typing import Any

Config = dict[str, Any]
PREFIX = "type.googleapis.com/envoy."


def typed(type_name: str, **fields: Any) -> Config:
    """The message `envoy.<type_name>`."""
    return {"@type": PREFIX + type_name, **fields}


def named(name: str, type_name: str, **fields: Any) -> Config:
    """An extension called `envoy.<name>` with its configuration."""
    return {"name": "envoy." + name, "typed_config": typed(type_name, **fields)}


def seconds(value: float) -> str:
    """A duration as Envoy writes it."""
    return f"{value:g}s"


ALWAYS = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}
