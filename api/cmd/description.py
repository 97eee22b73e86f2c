"""The services' own descriptions: our WSDL and XSD files with the caller's address in them."""

from collections.abc import Mapping
from enum import StrEnum, unique
from functools import lru_cache
from importlib.resources import files
from typing import Final

from api.cmd.wcf import escaped

_ADDRESS: Final = "@ADDRESS@"
_TYPES: Final = "<!-- @TYPES@ -->"
_SCHEMAS: Final = ("xsd0", "xsd1")
"""Operation elements, data contracts: as ``?xsd=`` names them."""


@unique
class Service(StrEnum):
    """The two services by their file names, without ``.svc``."""

    SCMD = "SCMDService"
    LEGACY = "CCMovelDigitalSignature"


def description(service: Service, query: Mapping[str, str], address: str) -> bytes | None:
    """``?wsdl`` imports the schemas, ``?singleWsdl`` holds them, ``?xsd=xsd0`` is one of them.

    ``address`` is the address the caller used: clients call where the description says.  None for
    any other question.
    """
    asked = {name.lower(): value.lower() for name, value in query.items()}
    if asked.get("xsd") in _SCHEMAS:
        return _file(f"{service.value}.{asked['xsd']}.xsd").encode()
    if "wsdl" in asked:
        types = "".join(_import(name, address) for name in _SCHEMAS)
    elif "singlewsdl" in asked:
        types = "".join(_inline(service, name) for name in _SCHEMAS)
    else:
        return None
    text = _file(f"{service.value}.wsdl").replace(_TYPES, types)
    return text.replace(_ADDRESS, _attribute(address)).encode()


def _import(name: str, address: str) -> str:
    namespace = {
        "xsd0": "http://Ama.Authentication.Service/",
        "xsd1": "http://schemas.datacontract.org/2004/07/Ama.Structures.CCMovelSignature",
    }[name]
    return (
        f'<xs:schema targetNamespace="{namespace}/Imports">'
        f'<xs:import namespace="{namespace}" schemaLocation="{_attribute(address)}?xsd={name}"/>'
        "</xs:schema>"
    )


def _inline(service: Service, name: str) -> str:
    _declaration, _, schema = _file(f"{service.value}.{name}.xsd").partition("?>")
    return schema.strip()


def _attribute(text: str) -> str:
    return escaped(text).replace('"', "&quot;")


@lru_cache
def _file(name: str) -> str:
    return files("api.cmd").joinpath("wsdl", name).read_text()
