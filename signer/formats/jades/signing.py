"""JAdES: prepare, sign elsewhere, complete, extend (ETSI TS 119 182-1 V1.2.1; RFC 7515)."""

import json
from base64 import b64decode, b64encode
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, final

from signer.domain import strict_der
from signer.domain.attribute import CertifiedAttribute
from signer.domain.errors import IntegrityAlarmError, InvalidRequestError
from signer.domain.jws import ALGORITHMS, JWS, JWSSignature
from signer.domain.signature_options import Serialisation, SignedFile
from signer.domain.strict_json import encode_object, refuse, to_base64url
from signer.domain.transaction import Level, SigningItem
from signer.domain.values import (
    Digest,
    KeyAlgorithm,
    SignatureAlgorithm,
    SignatureValue,
)
from signer.formats.cms import without_root
from signer.formats.jades.contents import contents_of, demand_level
from signer.formats.jades.header import protected_header
from signer.formats.jades.levels import ORDER, LevelRaiser, attribute_values, level_of
from signer.formats.port import Prepared, SigningIdentity, TrustServices

_FIELD_SIZES: Final = {
    SignatureAlgorithm.ECDSA_SHA256: (KeyAlgorithm.P_256, 32),
    SignatureAlgorithm.ECDSA_SHA384: (KeyAlgorithm.P_384, 48),
}
"""RFC 7518, 3.4: each algorithm has its curve; the octets of R and of S."""


@final
@dataclass(frozen=True, slots=True)
class JAdES:
    """One signature: compact, flattened, or in the general form beside others."""

    def prepare(
        self,
        item: SigningItem,
        identity: SigningIdentity,
        signing_time: datetime,
        services: TrustServices,
    ) -> Prepared:
        """See :class:`~signer.formats.port.SignatureFormat`."""
        properties = item.options.properties
        digest = item.digest.algorithm
        algorithm = SignatureAlgorithm.of(identity.key_algorithm, digest, pss=item.options.pss)
        if not algorithm.is_rsa and _FIELD_SIZES.get(algorithm, (None,))[0] is not (
            identity.key_algorithm
        ):
            msg = f"JSON Web Signatures do not use {digest.name} with this key"
            raise InvalidRequestError(msg, field="digest")
        contents = contents_of(item)
        demand_level(item, contents)
        stamped = None
        if properties.content_timestamp:
            stamped = services.timestamps.stamp(contents.digest(digest)).der
        certificates = without_root(identity.chain_der)
        header = protected_header(
            algorithm=algorithm,
            certificates=certificates,
            signing_time=signing_time,
            serialisation=item.options.serialisation,
            contents=contents,
            properties=properties,
            asserted=identity.asserted,
            content_timestamp=stamped,
        )
        protected = to_base64url(encode_object(header))
        certified = any(isinstance(one, CertifiedAttribute) for one in identity.asserted)
        authorities = identity.attribute_authority_chain_der if certified else ()
        return Prepared(
            kind=item.kind,
            level=item.level,
            algorithm=algorithm,
            certificates=certificates,
            to_be_signed=f"{protected}.{contents.payload}".encode(),
            state=json.dumps([b64encode(one).decode() for one in authorities]).encode(),
        )

    def complete(
        self,
        prepared: Prepared,
        value: SignatureValue,
        item: SigningItem,
        services: TrustServices,
    ) -> bytes:
        """See the protocol; ASCII or JSON in UTF-8."""
        protected, _, payload = prepared.to_be_signed.decode().partition(".")
        signature = JWSSignature.of(
            protected, to_base64url(written_value(prepared.algorithm, value))
        )
        serialisation = item.options.serialisation
        if serialisation is not Serialisation.COMPACT:
            authorities = tuple(b64decode(one) for one in json.loads(prepared.state))
            if authorities:
                signature = replace(signature, components=(attribute_values(authorities),))
            raiser = LevelRaiser(services=services, algorithm=prepared.algorithm.digest)
            octets = contents_of(item).octets
            signature = raiser.raised(signature, prepared.level, octets, authorities)
        others: tuple[JWSSignature, ...] = ()
        if item.options.parallel and item.document is not None:
            others = JWS.parse(item.document).signatures
        return JWS(
            serialisation=serialisation,
            payload=payload or None,
            signatures=(*others, signature),
        ).encode()


@final
@dataclass(frozen=True, slots=True)
class JAdESExtender:
    """Raises every signature of a JSON Web Signature; a compact one becomes flattened."""

    def extend(
        self,
        signed: bytes,
        level: Level,
        services: TrustServices,
        detached: tuple[SignedFile, ...] = (),
    ) -> bytes:
        """See :class:`~signer.formats.port.Extender`."""
        present = JWS.parse(signed)
        lowest = min((level_of(one) for one in present.signatures), key=ORDER.index)
        if ORDER.index(level) <= ORDER.index(lowest) and level is not Level.B_LTA:
            msg = f"the signature is at {lowest} already"
            raise InvalidRequestError(msg, field="level")
        serialisation = present.serialisation
        if serialisation is Serialisation.COMPACT and level is not Level.B_B:
            serialisation = Serialisation.FLATTENED
        signatures = tuple(
            _raiser(one, services).raised(one, level, _octets(present, one, detached))
            if _may_rise(one, level)
            else one
            for one in present.signatures
        )
        return replace(present, serialisation=serialisation, signatures=signatures).encode()


def _may_rise(signature: JWSSignature, level: Level) -> bool:
    return level is Level.B_LTA or ORDER.index(level_of(signature)) < ORDER.index(level)


def _raiser(signature: JWSSignature, services: TrustServices) -> LevelRaiser:
    algorithm = ALGORITHMS.get(str(signature.header.get("alg")))
    if algorithm is None:
        refuse("the signature's algorithm is not accepted")
    return LevelRaiser(services=services, algorithm=algorithm.digest)


def _octets(signed: JWS, signature: JWSSignature, detached: tuple[SignedFile, ...]) -> bytes | None:
    """What archive time-stamps of ``signature`` begin with; None without the files' octets."""
    references = signature.references()
    if references is None:
        if signed.payload is None:
            refuse("the content is neither inside nor described")
        return signed.payload.encode()
    parts: list[bytes] = []
    for one in references:
        file = one.find(detached, alone=len(references) == 1)
        if file is None or file.content is None:
            return None
        octets = signature.signed_octets(file.content)
        if not Digest.of(one.digest.algorithm, octets).matches(one.digest):
            refuse("a signature is over another content")
        parts.append(octets)
    return b"".join(parts)


def written_value(algorithm: SignatureAlgorithm, value: SignatureValue) -> bytes:
    """The JWS signature value: R and S side by side instead of DER (RFC 7518, 3.4)."""
    if algorithm.is_rsa:
        return value
    size = _FIELD_SIZES[algorithm][1]
    try:
        numbers = strict_der.parse(value).children(strict_der.SEQUENCE)
        first, second = (one.expect(strict_der.INTEGER).content for one in numbers)
        return b"".join(int.from_bytes(one, "big").to_bytes(size, "big") for one in (first, second))
    except (ValueError, OverflowError) as error:
        msg = "an ECDSA value is not two numbers of the curve's size"
        raise IntegrityAlarmError(msg) from error
