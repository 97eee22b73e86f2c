"""Object identifiers of commitment types: one table for what is signed and what is checked."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from signer.domain.signature_options import CommitmentType

_ETSI: Final = "1.2.840.113549.1.9.16.6"
"""id-smime-cti (RFC 5126, 5.11.1; ETSI TS 119 172-1, annex B)."""
_OURS: Final = "2.25.67379577503618407927195013323415518653.1"
"""An arc made from a UUID (ITU-T X.667, 6.3), for commitments without a registered number."""

COMMITMENT_OIDS: Final[Mapping[CommitmentType, str]] = MappingProxyType(
    {
        CommitmentType.ORIGIN: f"{_ETSI}.1",
        CommitmentType.APPROVAL: f"{_ETSI}.5",
        CommitmentType.CREATION: f"{_ETSI}.6",
        CommitmentType.DATA_AUTHENTICATION: f"{_OURS}.1",
        CommitmentType.ENTITY_AUTHENTICATION: f"{_OURS}.2",
        CommitmentType.AUTHORSHIP: f"{_OURS}.3",
        CommitmentType.REVIEW: f"{_OURS}.4",
        CommitmentType.COPY: f"{_OURS}.5",
        CommitmentType.WITNESS: f"{_OURS}.6",
        CommitmentType.BOUND_TO_DATA: f"{_OURS}.7",
        CommitmentType.INTERMEDIATE_APPROVAL: f"{_OURS}.8",
    }
)
"""Dotted.  The eight without a number of ETSI's are explained in docs/divergences.md."""
