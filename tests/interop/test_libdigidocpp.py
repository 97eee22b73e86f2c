"""libdigidocpp, the library of another country's signing program, reads our ASiC-E containers.

Its trust comes from the Union's list alone, so a signature is right when only trust is missing.
"""

import json
import os
import subprocess
import sys

import pytest

from signer.domain.signature_options import PLAIN
from signer.domain.transaction import Level
from signer.formats.assembly import baseline_formats
from tests.fixtures.dss_rows import KEYS, ROWS, Workshop, item_for

pytestmark = pytest.mark.interop

# In a process of its own: the library keeps one configuration, and looks for it at home.
SCRIPT = """
import json, sys
import pydigidoc
pydigidoc.initialize("tests")
container = pydigidoc.Container.open(sys.argv[1])
found = []
for signature in container.signatures():
    try:
        signature.validate()
        problems = []
    except RuntimeError as error:
        problems = str(error).splitlines()
    found.append([signature.profile(), problems])
print(json.dumps(found))
"""
OFFLINE = """<configuration>
<param name="tsl.autoUpdate" lock="false">false</param>
<param name="tsl.onlineDigest" lock="false">false</param>
<param name="tsl.timeOut" lock="false">0</param>
</configuration>"""
TRUST = {
    "Signature validation",
    "Unable to verify signing certificate",
    "unable to get local issuer certificate",
    "Certificate status: unknown",
    "error:17800064:time stamp routines::certificate verify error",
    "Failed to verify OCSP Responder certificate",
    "error:13800065:OCSP routines::certificate verify error",
}
ABSENT = {
    Level.B_B: {"QualifyingProperties block 'UnsignedProperties' is missing."},
    Level.B_T: {"RevocationValues object is missing"},
    Level.B_LT: set(),
    Level.B_LTA: set(),
}
"""What this library wants of every signature, though a level does not have it."""
PROFILES = {
    Level.B_B: "BES",
    Level.B_T: "BES/time-stamp",
    Level.B_LT: "BES/time-stamp",
    Level.B_LTA: "BES/time-stamp-archive",
}
ROW = next(row for row in ROWS if row.name == "ASiC-E with XAdES")


@pytest.fixture(scope="module")
def alone():
    """Words before a command that take the network from it: the library asks for its own lists."""
    words = ["unshare", "--map-root-user", "--net"]
    tried = subprocess.run([*words, "true"], capture_output=True, check=False)
    return words if tried.returncode == 0 else []


def begin(alone, folder, container):
    """A process that reads one container; they all wait for a network that is not there."""
    (folder / ".digidocpp").mkdir(parents=True)
    (folder / ".digidocpp" / "digidocpp.conf").write_text(OFFLINE)
    path = folder / "signed.asice"
    path.write_bytes(container)
    return subprocess.Popen(
        [*alone, sys.executable, "-c", SCRIPT, path],
        env=os.environ | {"HOME": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def said(process):
    output, errors = process.communicate(timeout=100)
    assert process.returncode == 0, errors
    ((profile, problems),) = json.loads(output.splitlines()[-1])
    return profile, set(problems)


@pytest.fixture(scope="module")
def readings(alone, online_pki, pades, tmp_path_factory):
    """What the library says, by level and key, and of an altered container."""
    holders = {key: online_pki.citizen(key) for key in KEYS}
    workshop = Workshop(pki=online_pki, formats=baseline_formats(pades), holders=holders)
    signed = {
        (level, key): workshop.sign(holders[key], item_for(ROW, level, PLAIN))
        for level in Level
        for key in KEYS
    }
    signed["altered"] = ROW.alter(signed[Level.B_LT, KEYS[0]])
    started = {
        name: begin(alone, tmp_path_factory.mktemp("library"), container)
        for name, container in signed.items()
    }
    return {name: said(process) for name, process in started.items()}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("level", list(Level))
def test_only_trust_is_missing(readings, level, key):
    profile, problems = readings[level, key]
    assert profile == PROFILES[level]
    assert problems - TRUST == ABSENT[level]


@pytest.mark.timeout(300)
def test_an_altered_file_is_noticed(readings):
    _, problems = readings["altered"]
    assert problems - TRUST
