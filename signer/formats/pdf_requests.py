"""What is asked of the process that reads PDFs: plain values that cross a pipe as JSON."""

from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum, unique
from typing import Any, Self

Colour = tuple[float, float, float]
"""Red, green, blue, each from 0 to 1."""
Box = tuple[float, float, float, float]
"""Left, bottom, right, top, in points."""


@unique
class DocumentNote(StrEnum):
    """What a signer should know about a PDF that may be signed all the same."""

    JAVASCRIPT = "javascript"
    """Scripts run when the document or one of its fields is used."""
    FORM_FIELDS = "form-fields"
    """Fields can be filled in later."""
    LAYERS = "layers"
    """Layers, all of them shown, that a reader can switch off."""
    ATTACHMENTS = "attachments"
    """Other files are inside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SealRequest:
    """A visible seal with its final words; all lengths are points of the page as shown."""

    entries: tuple[tuple[str, str], ...]
    """Label and value, top down."""
    page: int
    """From 1; -1 is the last."""
    box: Box | None
    """None: in ``corner``, ``width`` wide and as high as the text."""
    corner: str
    width: float
    margin: float
    """From the edges of the page, and between seals that would lie on each other."""
    padding: float
    font_size: float
    smallest_font_size: float
    """Down to which text shrinks to fit a box."""
    label_colour: Colour
    text_colour: Colour
    line_colour: Colour
    language: str
    """BCP 47, for what reads the seal aloud."""

    @classmethod
    def of(cls, made: dict[str, Any]) -> Self:
        """Inverse of ``dataclasses.asdict`` after a journey through JSON."""
        made = dict(made)
        made["entries"] = tuple((label, value) for label, value in made["entries"])
        for name in ("box", "label_colour", "text_colour", "line_colour"):
            made[name] = None if made[name] is None else tuple(made[name])
        return cls(**made)


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldRequest:
    """A signature field to append and to leave unsigned."""

    name: str
    """Of an existing empty field, else of the new one."""
    room: int
    """Bytes kept for the CMS."""
    signing_time: datetime
    """Aware; becomes /M."""
    digest: str = "SHA256"
    """Of the signature; fields may demand certain ones."""
    reason: str = ""
    location: str = ""
    contact: str = ""
    certification: int = 0
    """DocMDP permissions (ISO 32000-2, 12.8.2.2); 0 is an approval signature."""
    seal: SealRequest | None = None

    def as_json(self) -> dict[str, Any]:
        """Values that ``json.dumps`` takes."""
        return {**asdict(self), "signing_time": self.signing_time.isoformat()}

    @classmethod
    def of(cls, made: dict[str, Any]) -> Self:
        """Inverse of :meth:`as_json`."""
        seal = made["seal"]
        return cls(
            **{
                **made,
                "signing_time": datetime.fromisoformat(made["signing_time"]),
                "seal": None if seal is None else SealRequest.of(seal),
            }
        )
