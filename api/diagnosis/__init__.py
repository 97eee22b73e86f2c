"""Finds out what is wrong with an installation, and says how to mend it."""

from api.diagnosis.check import Check, Finding, Verdict, examine
from api.diagnosis.checks import checks

__all__ = ["Check", "Finding", "Verdict", "checks", "examine"]
