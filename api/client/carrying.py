"""PINs and codes that a client carries: JWE (RFC 7516) to the service's published key."""

import json
from collections.abc import Mapping

from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from signer.domain.errors import UnavailableError
from signer.domain.values import Secret, TransactionId

ALGORITHM = "RSA-OAEP-256"
ENCRYPTION = "A256GCM"


def carried(member: str, secret: Secret, transaction: TransactionId, key: Mapping[str, str]) -> str:
    """Compact JWE of ``{member: secret, "transaction": id}`` to ``key`` (a JWK).

    Raises UnavailableError when the key cannot be used.
    """
    header = {"alg": ALGORITHM, "enc": ENCRYPTION, "kid": key["kid"]}
    payload = json.dumps({member: secret.reveal(), "transaction": transaction})
    try:
        return jwe.encrypt_compact(
            header, payload, RSAKey.import_key(dict(key)), algorithms=[ALGORITHM, ENCRYPTION]
        )
    except (JoseError, ValueError) as error:
        raise UnavailableError("the service's encryption key cannot be used") from error
