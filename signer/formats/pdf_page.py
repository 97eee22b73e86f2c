"""Pages as people see them: what is cut off, turned and scaled (ISO 32000-2, 7.7.3.3)."""

from dataclasses import dataclass
from typing import Final

from signer.formats.pdf_objects import PdfObject, entry
from signer.formats.pdf_reading import RefusedError
from signer.formats.pdf_requests import Box

_DEEPEST: Final = 64
_QUARTERS: Final = (0, 90, 180, 270)
_UPRIGHT: Final = {
    0: (1, 0, 0, 1, 0, 0),
    90: (0, 1, -1, 0, 0, 0),
    180: (-1, 0, 0, -1, 0, 0),
    270: (0, -1, 1, 0, 0, 0),
}


@dataclass(frozen=True, slots=True)
class PageView:
    """The visible part of a page and how it is turned."""

    visible: Box
    """In user space."""
    turned: int
    """Clockwise, degrees: 0, 90, 180, 270."""
    unit: float
    """Points in one unit of user space."""

    @classmethod
    def of(cls, page: PdfObject) -> "PageView":
        """Raises RefusedError when the page has no size or is turned strangely."""
        media = _inherited(page, "/MediaBox")
        if media is None:
            raise RefusedError("a page of the PDF has no size")
        crop = _inherited(page, "/CropBox")
        visible = _normal(media) if crop is None else _common(_normal(crop), _normal(media))
        turned = int(_inherited(page, "/Rotate") or 0) % 360
        unit = float(entry(page, "/UserUnit") or 1)
        left, bottom, right, top = visible
        if turned not in _QUARTERS or left >= right or bottom >= top or unit <= 0:
            raise RefusedError("a page of the PDF has no size or is turned strangely")
        return cls(visible, turned, unit)

    @property
    def size(self) -> tuple[float, float]:
        """Width and height as shown, in points."""
        left, bottom, right, top = self.visible
        width, height = (right - left) * self.unit, (top - bottom) * self.unit
        return (height, width) if self.turned in {90, 270} else (width, height)

    @property
    def upright(self) -> tuple[float, ...]:
        """The matrix that turns what is drawn upright into user space."""
        return _UPRIGHT[self.turned]

    def to_user_space(self, shown: Box) -> Box:
        """A box of the page as shown (origin at its lower left) in user space."""
        u1, v1, u2, v2 = (one / self.unit for one in shown)
        left, bottom, right, top = self.visible
        if self.turned == 90:  # noqa: PLR2004 - one of the four quarters
            return right - v2, bottom + u1, right - v1, bottom + u2
        if self.turned == 180:  # noqa: PLR2004 - as above
            return right - u2, top - v2, right - u1, top - v1
        if self.turned == 270:  # noqa: PLR2004 - as above
            return left + v1, top - u2, left + v2, top - u1
        return left + u1, bottom + v1, left + u2, bottom + v2

    def shown_size(self, box: Box) -> tuple[float, float]:
        """Width and height as shown of a box in user space, in points."""
        width, height = (box[2] - box[0]) * self.unit, (box[3] - box[1]) * self.unit
        return (height, width) if self.turned in {90, 270} else (width, height)


def _inherited(page: PdfObject, key: str) -> PdfObject:
    node = page
    for _ in range(_DEEPEST):
        if key in node:
            return node[key]
        if "/Parent" not in node:
            return None
        node = node["/Parent"]
    raise RefusedError("the PDF is nested too deeply")


def _normal(box: PdfObject) -> Box:
    x1, y1, x2, y2 = (float(one) for one in box)
    return min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)


def _common(one: Box, other: Box) -> Box:
    return (
        max(one[0], other[0]),
        max(one[1], other[1]),
        min(one[2], other[2]),
        min(one[3], other[3]),
    )
