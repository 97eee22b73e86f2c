"""``GET /keys``: what PINs and codes are encrypted to, by somebody else's JOSE library."""

import json

from joserfc import jwe
from joserfc.jwk import RSAKey


def test_an_independent_jose_library_can_encrypt_to_the_published_key(service, native, newcomer):
    answer = service.app.test_client().get("/api/v1/keys")
    assert answer.headers["Cache-Control"] == "public, max-age=3600"
    jwk = answer.get_json()["keys"][0]
    assert (jwk["alg"], jwk["use"], "d" in jwk) == ("RSA-OAEP-256", "enc", False)
    started = native.started(newcomer)
    payload = {"pin": newcomer.signature_pin, "transaction": started["id"]}
    header = {"alg": "RSA-OAEP-256", "enc": "A256GCM", "kid": jwk["kid"]}
    sealed = jwe.encrypt_compact(
        header, json.dumps(payload).encode(), RSAKey.import_key(jwk), ["RSA-OAEP-256", "A256GCM"]
    )
    entered = native.call("POST", f"/signatures/{started['id']}/pin", {"pin": sealed})
    assert entered.status_code == 200, entered.text
