"""The signature activation module: turns PIN and code into the right to sign, once.

SAM-shaped, not certified: its interface is plain values, so that it can become its own process or
a certified module (EN 419 241-2).
"""

from signer.sam.enrolment import Enrolment
from signer.sam.grants import Grants
from signer.sam.service_keys import ServiceActivation
from signer.sam.staged import StagedEntry

__all__ = ["Enrolment", "Grants", "ServiceActivation", "StagedEntry"]
