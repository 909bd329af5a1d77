"""Envoy's configuration, part by part, as data."""

from daira_devtools.gateway.envoy.bootstrap import configuration

__all__ = ["configuration"]
