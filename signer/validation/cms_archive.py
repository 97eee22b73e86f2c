"""Recomputes what archive time-stamps cover, and finds validation data inside a CMS.

Written apart from :mod:`signer.formats`, which makes these: one fault cannot make both agree.
Source: ETSI EN 319 122-1 V1.3.1, 5.5.
"""

import hashlib
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, Final

from asn1crypto import algos, cms, core, crl, ocsp  # type: ignore[import-untyped]  # ships no types
from pyhanko.sign.ades.asn1_util import register_cms_attribute

from signer.validation.cms_reading import known, signature_tokens
from signer.validation.trust import RevocationData

ARCHIVE_TIME_STAMP_V3: Final = "archive_time_stamp_v3"
_HASH_INDEX: Final = "ats_hash_index_v3"
_OCSP_RESPONSE: Final = "1.3.6.1.5.5.7.16.2"

ContentDigest = Callable[[str], bytes]
"""Digest of the signed content by algorithm name; raises ValueError when it cannot be had."""


class _Hashes(core.SequenceOf):  # type: ignore[misc]  # asn1crypto has no types
    _child_spec = core.OctetString


class _ATSHashIndexV3(core.Sequence):  # type: ignore[misc]  # asn1crypto has no types
    _fields = [  # noqa: RUF012 - the library's way to declare a type
        ("hash_ind_algorithm", algos.DigestAlgorithm),
        ("certificates_hash_index", _Hashes),
        ("crls_hash_index", _Hashes),
        ("unsigned_attr_values_hash_index", _Hashes),
    ]


register_cms_attribute("0.4.0.19122.1.5", _HASH_INDEX, _ATSHashIndexV3)
register_cms_attribute("0.4.0.1733.2.4", ARCHIVE_TIME_STAMP_V3, cms.ContentInfo)


def archive_tokens(signer_info: Any) -> list[Any]:  # noqa: ANN401 - asn1crypto has no types
    """SignedData of every archive time-stamp, newest first."""
    tokens = [value["content"] for value in _unsigned(signer_info, ARCHIVE_TIME_STAMP_V3)]
    return sorted(tokens, key=_time, reverse=True)


def archive_imprint(
    signed_data: Any,  # noqa: ANN401 - asn1crypto has no types
    signer_info: Any,  # noqa: ANN401 - asn1crypto has no types
    token: Any,  # noqa: ANN401 - asn1crypto has no types
    content_digest: ContentDigest,
    algorithm: str,
) -> bytes:
    """What the token must be over (5.5.3); raises ValueError when that cannot be computed."""
    covered = hashlib.new(
        known(algorithm), signed_data["encap_content_info"]["content_type"].dump()
    )
    covered.update(content_digest(algorithm))
    for field in (
        "version",
        "sid",
        "digest_algorithm",
        "signed_attrs",
        "signature_algorithm",
        "signature",
    ):
        covered.update(signer_info[field].dump())
    covered.update(_index(token).dump())
    return covered.digest()


def embedded_data(signed_data: Any) -> RevocationData:  # noqa: ANN401 - asn1crypto has no types
    """OCSP answers and CRLs among the revocation information (RFC 5652, 10.2.1; RFC 5940)."""
    answers, lists = [], []
    for one in signed_data["crls"] or ():
        if one.name == "crl":
            lists.append(one.chosen.dump())
        elif one.chosen["other_rev_info_format"].dotted == _OCSP_RESPONSE:
            answers.append(one.chosen["other_rev_info"].dump())
    return RevocationData(tuple(dict.fromkeys(answers)), tuple(dict.fromkeys(lists)))


def last_update(signed_data: Any, inside: RevocationData) -> datetime:  # noqa: ANN401 - asn1crypto has no types
    """When the newest thing inside was made: an answer, a list or a time-stamp."""
    (signer_info,) = signed_data["signer_infos"]
    tokens = [*archive_tokens(signer_info), *signature_tokens(signer_info)]
    moments = [_time(one) for one in tokens]
    for der in inside.ocsp_responses:
        answers = ocsp.OCSPResponse.load(der).response_data["responses"]
        moments += [one["this_update"].native for one in answers]
    moments += [
        crl.CertificateList.load(der)["tbs_cert_list"]["this_update"].native for der in inside.crls
    ]
    return max(moments)


def _index(token: Any) -> Any:  # noqa: ANN401 - asn1crypto has no types
    indexes = list(_unsigned(token["signer_infos"][0], _HASH_INDEX))
    if len(indexes) != 1:
        raise ValueError("it has no hash index of version 3")
    return indexes[0]


def index_problems(
    signed_data: Any,  # noqa: ANN401 - asn1crypto has no types
    signer_info: Any,  # noqa: ANN401 - asn1crypto has no types
    token: Any,  # noqa: ANN401 - asn1crypto has no types
) -> Iterator[str]:
    """What a token's hash index names and the file no longer has; later additions are none.

    Raises ValueError when it has no index (5.5.2).
    """
    index = _index(token)
    name = known(index["hash_ind_algorithm"]["algorithm"].native)

    def hashed(parts: list[bytes]) -> set[bytes]:
        return {hashlib.new(name, part).digest() for part in parts}

    attributes = [
        attribute["type"].dump() + value.dump()
        for attribute in signer_info["unsigned_attrs"] or ()
        for value in attribute["values"]
    ]
    groups = (
        ("certificates_hash_index", "a certificate", _dumped(signed_data["certificates"])),
        ("crls_hash_index", "revocation data", _dumped(signed_data["crls"])),
        ("unsigned_attr_values_hash_index", "an unsigned attribute", attributes),
    )
    for field, thing, found in groups:
        if not set(index[field].native) <= hashed(found):
            yield f"{thing} covered by an archive time-stamp is missing or altered"


def _dumped(values: Any) -> list[bytes]:  # noqa: ANN401 - asn1crypto has no types
    return [one.dump() for one in values or ()]


def _unsigned(signer_info: Any, name: str) -> Iterator[Any]:  # noqa: ANN401 - asn1crypto has no types
    for attribute in signer_info["unsigned_attrs"] or ():
        if attribute["type"].native == name:
            yield from attribute["values"]


def _time(token: Any) -> datetime:  # noqa: ANN401 - asn1crypto has no types
    moment = token["encap_content_info"]["content"].parsed["gen_time"].native
    if not isinstance(moment, datetime):
        raise TypeError("a time-stamp has no time")
    return moment
