"""Reads SOAP 1.1 requests: no document type, no entities, no network, any prefix, any order."""

from dataclasses import dataclass
from enum import Enum, unique
from typing import Final

from lxml import etree  # type: ignore[import-untyped] # the library has no types

SOAP: Final = "http://schemas.xmlsoap.org/soap/envelope/"
SERVICE: Final = "http://Ama.Authentication.Service/"
STRUCTURES: Final = "http://schemas.datacontract.org/2004/07/Ama.Structures.CCMovelSignature"
INSTANCE: Final = "http://www.w3.org/2001/XMLSchema-instance"

_NEXT: Final = "http://schemas.xmlsoap.org/soap/actor/next"
_TRUE: Final = frozenset({"1", "true"})
_MAX_DEPTH: Final = 32


@unique
class FaultCode(Enum):
    """Fault codes and whose namespace they are in (``s`` SOAP's, ``a`` the dispatcher's)."""

    CLIENT = ("s", "Client")
    """What came is not a SOAP 1.1 envelope, or too large."""
    MUST_UNDERSTAND = ("s", "MustUnderstand")
    VERSION_MISMATCH = ("s", "VersionMismatch")
    ACTION_NOT_SUPPORTED = ("a", "ActionNotSupported")
    INTERNAL = ("a", "InternalServiceFault")


class FaultError(Exception):
    """Becomes a SOAP fault; ``text`` is the id of what people read, ``status`` HTTP's."""

    def __init__(self, code: FaultCode, text: str, status: int = 500) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.status = status


@dataclass(frozen=True, slots=True)
class Member:
    """An element of a request by its local name; its text may be a PIN."""

    name: str
    text: str | None
    """None: nil.  Elements with children have none either."""
    children: tuple["Member", ...] = ()
    namespace: str = ""

    def child(self, name: str) -> "Member | None":
        """The first one called so; missing and nil are None."""
        found = next((one for one in self.children if one.name == name), None)
        if found is None or (found.text is None and not found.children):
            return None
        return found

    def value(self, *names: str) -> str | None:
        """Text of the first child that has one of these names; missing and nil are None."""
        for name in names:
            found = self.child(name)
            if found is not None and found.text is not None:
                return found.text
        return None

    def __repr__(self) -> str:
        return f"Member({self.name!r})"


def parse_request(body: bytes) -> Member:
    """The operation element of an envelope; raises FaultError."""
    root = _document(body)
    tag = etree.QName(root)
    if tag.localname != "Envelope":
        raise FaultError(FaultCode.CLIENT, "cmd.fault.envelope")
    if tag.namespace != SOAP:
        raise FaultError(FaultCode.VERSION_MISMATCH, "cmd.fault.version")
    for header in root.iterchildren(f"{{{SOAP}}}Header"):
        _demand_understood(header)
    part = next(root.iterchildren(f"{{{SOAP}}}Body"), None)
    operation = None if part is None else next(part.iterchildren(etree.Element), None)
    if operation is None:
        raise FaultError(FaultCode.CLIENT, "cmd.fault.envelope")
    return _member(operation)


def _document(body: bytes) -> etree._Element:
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    if b"<!DOCTYPE" in body:  # before libxml2 reads a single declaration
        raise FaultError(FaultCode.CLIENT, "cmd.fault.envelope")
    try:
        root = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError):
        raise FaultError(FaultCode.CLIENT, "cmd.fault.envelope") from None
    if root.getroottree().docinfo.internalDTD is not None:  # written in another encoding
        raise FaultError(FaultCode.CLIENT, "cmd.fault.envelope")
    return root


def _demand_understood(header: etree._Element) -> None:
    for block in header.iterchildren(etree.Element):
        demanded = block.get(f"{{{SOAP}}}mustUnderstand", "").strip() in _TRUE
        if demanded and block.get(f"{{{SOAP}}}actor", _NEXT) in {_NEXT, ""}:
            raise FaultError(FaultCode.MUST_UNDERSTAND, "cmd.fault.header")


def _member(element: etree._Element, depth: int = 0) -> Member:
    if depth > _MAX_DEPTH:
        raise FaultError(FaultCode.CLIENT, "cmd.fault.envelope")
    tag = etree.QName(element)
    children = tuple(_member(one, depth + 1) for one in element.iterchildren(etree.Element))
    nil = element.get(f"{{{INSTANCE}}}nil", "").strip() in _TRUE
    text = None if nil or children else element.text or ""
    return Member(tag.localname, text, children, tag.namespace or "")
