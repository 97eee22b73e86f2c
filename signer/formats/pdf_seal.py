"""Draws visible seals; runs only in the process of :mod:`signer.formats.pdf_child`.

The font is DejaVu Sans Mono (Bitstream Vera licence: free to use, embed and redistribute), as the
package python-barcode brings it; only the glyphs in use are embedded.
"""

import io
import warnings
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from fontTools.subset import (  # type: ignore[import-untyped]  # ships no types
    Options,
    Subsetter,
)
from fontTools.ttLib import TTFont  # type: ignore[import-untyped]  # ships no types
from fontTools.ttLib.scaleUpem import (  # type: ignore[import-untyped]  # ships no types
    scale_upem,
)
from PIL import Image, UnidentifiedImageError
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.font.opentype import GlyphAccumulator
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.images import pil_image
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

from signer.formats.pdf_objects import PdfObject, dictionary, numbers, packed_stream
from signer.formats.pdf_page import PageView
from signer.formats.pdf_reading import RefusedError
from signer.formats.pdf_requests import Box, Colour, SealRequest

_LEADING: Final = 1.25
"""Height of a line in font sizes."""
_DESCENT: Final = 0.3
_STEP: Final = 0.25
_THOUSANDTHS: Final = 1000
_LOGO_SHARE: Final = 0.3
"""Of the seal's width, at most."""
_LOGO_PIXELS: Final = 600
"""Larger logos are scaled down to this width and height."""
_LARGEST_LOGO: Final = 8_000_000
"""Pixels of a logo that is opened at all."""
_MODES: Final = ("RGB", "RGBA", "L", "LA")


@dataclass(frozen=True, slots=True)
class _Word:
    text: str
    is_label: bool


@dataclass(frozen=True, slots=True)
class _Layout:
    size: float
    lines: tuple[tuple[_Word, ...], ...]

    @property
    def height(self) -> float:
        return self.size * _LEADING * len(self.lines)


class Seal:
    """One seal on its way into one document."""

    def __init__(self, writer: IncrementalPdfFileWriter, request: SealRequest, logo: bytes) -> None:
        self._writer = writer
        self._request = request
        self._font = _font(writer, request)
        self._known = frozenset(self._font.tt.getBestCmap())
        self._logo = _logo(logo) if logo else None
        self._entries = tuple(
            (self._clean(label), self._clean(value)) for label, value in request.entries
        )

    def natural_height(self, width: float) -> float:
        """Points that the text needs in a seal of ``width``, at its full size."""
        return self._layout(self._text_width(width), self._request.font_size).height + (
            2 * self._request.padding
        )

    def appearance(self, width: float, height: float, view: PageView) -> generic.IndirectObject:
        """A form XObject, upright on the page as shown; raises RefusedError if nothing fits.

        ``width`` and ``height`` are of the page as shown.
        """
        content = b" ".join((b"q", self._frame(width, height), *self._picture(height, width), b"Q"))
        content += b" " + self._text(width, height)
        form = {
            "/Type": pdf_name("/XObject"),
            "/Subtype": pdf_name("/Form"),
            "/BBox": numbers(0, 0, width, height),
            "/Matrix": numbers(*view.upright),
            "/Resources": self._resources(),
        }
        return self._writer.add_object(packed_stream(form, content))

    def _resources(self) -> generic.DictionaryObject:
        resources = {"/Font": dictionary({"/F0": self._font.as_resource()})}
        if self._logo is not None:
            resources["/XObject"] = dictionary({"/Logo": pil_image(self._logo, self._writer)})
        return dictionary(resources)

    def _frame(self, width: float, height: float) -> bytes:
        colour = b"%g %g %g" % self._request.line_colour
        return b"%b RG %b rg 0.75 w 0.375 0.375 %g %g re S 0 0 2 %g re f" % (
            *(colour, colour),
            *(width - 0.75, height - 0.75, height),
        )

    def _picture(self, height: float, width: float) -> tuple[bytes, ...]:
        if self._logo is None:
            return ()
        inner = height - 2 * self._request.padding
        scale = min(_LOGO_SHARE * width / self._logo.width, inner / self._logo.height)
        high = self._logo.height * scale
        place = (self._logo.width * scale, high, self._request.padding + 2, (height - high) / 2)
        return (b"q %g 0 0 %g %g %g cm /Logo Do Q" % place,)

    def _text(self, width: float, height: float) -> bytes:
        request = self._request
        size = request.font_size
        layout = self._layout(self._text_width(width), size)
        while layout.height > height - 2 * request.padding or self._is_cut(layout, width):
            size -= _STEP
            if size < request.smallest_font_size:
                raise RefusedError("the seal is too small for its text")
            layout = self._layout(self._text_width(width), size)
        left = self._text_left(width)
        baseline = (height + layout.height) / 2 - layout.size * (_LEADING - _DESCENT)
        drawn = []
        for line in layout.lines:
            x = left
            for label, words in _runs(line):
                shaped = self._font.shape(words)
                colour = request.label_colour if label else request.text_colour
                drawn.append(_show(shaped.graphics_ops, layout.size, colour, x, baseline))
                x += self._advance(words, layout.size)
            baseline -= layout.size * _LEADING
        return b"\n".join(drawn)

    def _layout(self, width: float, size: float) -> _Layout:
        lines: list[tuple[_Word, ...]] = []
        for label, value in self._entries:
            line: list[_Word] = []
            words = [_Word(one, is_label=True) for one in label.split()]
            words += [_Word(one, is_label=False) for one in value.split()]
            for word in words:
                if line and self._advance(_joined([*line, word]), size) > width:
                    lines.append(tuple(line))
                    line = []
                line.append(word)
            lines.append(tuple(line))
        return _Layout(size, tuple(lines))

    def _is_cut(self, layout: _Layout, width: float) -> bool:
        room = self._text_width(width)
        return any(self._advance(_joined(line), layout.size) > room for line in layout.lines)

    def _advance(self, text: str, size: float) -> float:
        return float(self._font.shape(text).x_advance) * size

    def _text_left(self, width: float) -> float:
        beside = 0 if self._logo is None else _LOGO_SHARE * width + self._request.padding
        return self._request.padding + 2 + beside

    def _text_width(self, width: float) -> float:
        return width - self._text_left(width) - self._request.padding

    def _clean(self, text: str) -> str:
        """Without control characters, and without what the font cannot show."""
        printable = " ".join(text.split())
        return "".join(one if ord(one) in self._known else "?" for one in printable)


def _font(writer: IncrementalPdfFileWriter, request: SealRequest) -> GlyphAccumulator:
    """The engine that shapes and embeds, for the characters of this seal only."""
    package = find_spec("barcode")
    if package is None or package.origin is None:
        raise RefusedError("the font of seals is not installed")
    font = TTFont(Path(package.origin).parent / "fonts" / "DejaVuSansMono.ttf")
    options = Options(hinting=False, layout_features=[], name_IDs=[6], notdef_outline=True)
    subsetter = Subsetter(options)
    subsetter.populate(text="? " + "".join(label + value for label, value in request.entries))
    subsetter.subset(font)
    # pyHanko writes widths in the font's own units, where PDF wants thousandths.
    scale_upem(font, _THOUSANDTHS)
    program = io.BytesIO()
    font.save(program)
    return GlyphAccumulator(
        writer, program, font_size=request.font_size, bcp47_lang_code=request.language
    )


def _logo(content: bytes) -> Image.Image:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            image: Image.Image = Image.open(io.BytesIO(content), formats=("PNG", "JPEG"))
            if image.width * image.height > _LARGEST_LOGO:
                raise RefusedError("the logo has too many pixels")
            image.thumbnail((_LOGO_PIXELS, _LOGO_PIXELS))
            return image if image.mode in _MODES else image.convert("RGBA")
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Warning) as error:
        raise RefusedError("the logo is no PNG or JPEG") from error


def _show(operators: bytes, size: float, colour: Colour, x: float, y: float) -> bytes:
    return b"BT /F0 %g Tf %g %g %g rg 1 0 0 1 %g %g Tm %b ET" % (size, *colour, x, y, operators)


def _runs(line: tuple[_Word, ...]) -> list[tuple[bool, str]]:
    """Consecutive labels and consecutive values as one text each, the space between kept."""
    runs: list[tuple[bool, str]] = []
    for word in line:
        if runs and runs[-1][0] is word.is_label:
            runs[-1] = (word.is_label, f"{runs[-1][1]} {word.text}")
        else:
            runs.append((word.is_label, word.text if not runs else f" {word.text}"))
    return runs


def _joined(words: list[_Word] | tuple[_Word, ...]) -> str:
    return " ".join(word.text for word in words)


def box_of(annotation: PdfObject) -> Box:
    """/Rect of a widget, normalised: left, bottom, right, top."""
    x1, y1, x2, y2 = (float(one) for one in annotation["/Rect"])
    return min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)
