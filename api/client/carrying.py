"""PINs and codes that a client carries: JWE (RFC 7516) to one of the service's published keys."""

import json
from collections.abc import Mapping, Sequence

from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from signer.domain.errors import UnavailableError
from signer.domain.values import Secret, TransactionId

ENCRYPTION = "A256GCM"
_KEYS: dict[str, type[ECKey] | type[RSAKey]] = {"ECDH-ES": ECKey, "RSA-OAEP-256": RSAKey}
"""What we can, the cheapest for the service first."""


def choose(keys: Sequence[Mapping[str, str]]) -> Mapping[str, str]:
    """The key to use of a JWK Set; raises UnavailableError when we know none of them."""
    for algorithm in _KEYS:
        for key in keys:
            if key.get("alg") == algorithm:
                return key
    raise UnavailableError("the service publishes no encryption key that this program knows")


def carried(member: str, secret: Secret, transaction: TransactionId, key: Mapping[str, str]) -> str:
    """Compact JWE of ``{member: secret, "transaction": id}``; raises as :func:`encrypted`."""
    return encrypted({member: secret.reveal(), "transaction": transaction}, key)


def encrypted(members: Mapping[str, str], key: Mapping[str, str]) -> str:
    """Compact JWE of ``members`` to ``key`` (a JWK).

    Raises UnavailableError when the key cannot be used.
    """
    algorithm = key["alg"]
    header = {"alg": algorithm, "enc": ENCRYPTION, "kid": key["kid"]}
    payload = json.dumps(members)
    try:
        recipient = _KEYS[algorithm].import_key(dict(key))
        return jwe.encrypt_compact(header, payload, recipient, algorithms=[algorithm, ENCRYPTION])
    except (JoseError, ValueError, KeyError) as error:
        raise UnavailableError("the service's encryption key cannot be used") from error
