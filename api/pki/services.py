"""What this door serves; put together by ``api.wiring``."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from certs.crl import CRLSource
from certs.ocsp import OCSPResponder
from certs.tsa import TimeStampingUnit


@dataclass(frozen=True, slots=True, kw_only=True)
class PKIServices:
    """Everything by the short name of its CA."""

    ca_ders: Mapping[str, bytes]
    crls: Mapping[str, CRLSource]
    responders: Mapping[str, OCSPResponder]
    unit: TimeStampingUnit
    trusted_list: Callable[[], bytes]
