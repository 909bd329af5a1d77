"""What clients may ask of interaction."""

from daira_interaction.routes.events import export_my_events, track_events
from daira_interaction.routes.examples import EXAMPLES

__all__ = ["EXAMPLES", "ROUTES"]
ROUTES = (track_events, export_my_events)
