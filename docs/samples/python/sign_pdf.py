"""Signs a PDF that never leaves this machine: only the digest of its ByteRange does.

    BASE_URL=… CLIENT_ID=… CLIENT_SECRET=… python sign_pdf.py PHONE IN.pdf OUT.pdf [LEVEL]

LEVEL is B-B, B-T (default), B-LT or B-LTA.  Needs pyHanko; everything else is Python's own.
"""

# ruff: noqa: INP001, S310, T201 - a program on its own, its address is its user's, it prints

import base64
import io
import json
import os
import sys
import urllib.request
from pathlib import Path
from typing import Any

from asn1crypto import crl, ocsp, x509
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import SigSeedSubFilter
from pyhanko.sign.signers.cms_embedder import PdfCMSEmbedder, SigIOSetup, SigObjSetup
from pyhanko.sign.signers.pdf_byterange import SignatureObject
from pyhanko.sign.signers.pdf_signer import PdfTimeStamper
from pyhanko.sign.timestamps import HTTPTimeStamper
from pyhanko.sign.validation.dss import DocumentSecurityStore

BASE_URL = os.environ["BASE_URL"].rstrip("/")
ROOM = 64 * 1024
"""Hexadecimal digits kept for the CMS."""


def call(method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """One call of the native API."""
    secret = f"{os.environ['CLIENT_ID']}:{os.environ['CLIENT_SECRET']}"
    request = urllib.request.Request(
        f"{BASE_URL}/api/v1{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={
            "Authorization": f"Basic {base64.b64encode(secret.encode()).decode()}",
            "Content-Type": "application/json",
        },
    )
    with urllib.request.urlopen(request) as answer:
        made: dict[str, Any] = json.load(answer)
        return made


def sign(phone: str, name: str, digest: bytes, level: str) -> dict[str, Any]:
    """The item once its citizen has authorised it."""
    item = {
        "kind": "pades-digest",
        "name": name,
        "digest": base64.b64encode(digest).decode(),
        "level": level,
    }
    started = call("POST", "/signatures", {"citizen": {"phone": phone}, "items": [item]})
    print("id", started["id"])
    print("authorise", started["authorisation_url"], flush=True)
    while True:
        found = call("GET", f"/signatures/{started['id']}?wait=20")
        if found["state"] == "signed":
            made: dict[str, Any] = found["items"][0]
            return made
        if found["state"] not in {"created", "asked", "claimed", "completing"}:
            raise SystemExit(f"not signed: {found['state']}")


def main(phone: str, source: str, target: str, level: str = "B-T") -> None:
    """Prepare, have signed, embed."""
    writer = IncrementalPdfFileWriter(io.BytesIO(Path(source).read_bytes()))
    steps = PdfCMSEmbedder().write_cms(field_name="Assinatura", writer=writer)
    next(steps)
    placeholder = SignatureObject(subfilter=SigSeedSubFilter.PADES, bytes_reserved=ROOM)
    steps.send(SigObjSetup(sig_placeholder=placeholder))
    prepared, output = steps.send(SigIOSetup(md_algorithm="sha256"))
    signed = sign(phone, Path(source).name, prepared.document_digest, level)
    steps.send(base64.b64decode(signed["result"]))
    if material := signed.get("material"):
        DocumentSecurityStore.add_dss(
            output,
            None,
            certs=[x509.Certificate.load(base64.b64decode(v)) for v in material["certificates"]],
            ocsps=[ocsp.OCSPResponse.load(base64.b64decode(v)) for v in material["ocsp_responses"]],
            crls=[crl.CertificateList.load(base64.b64decode(v)) for v in material["crls"]],
        )
    if level == "B-LTA":
        stamper = PdfTimeStamper(HTTPTimeStamper(f"{BASE_URL}/pki/tsa"))
        output = stamper.timestamp_pdf(IncrementalPdfFileWriter(output), "sha256")
    Path(target).write_bytes(output.getvalue())


if __name__ == "__main__":
    main(*sys.argv[1:])
