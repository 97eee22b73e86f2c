"""Settings: read once, checked whole, seen by ``api.wiring`` and the command line only."""

from api.settings.fields import Profile, Settings
from api.settings.rules import SettingsError

__all__ = ["Profile", "Settings", "SettingsError"]
