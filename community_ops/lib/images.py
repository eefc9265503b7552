"""Pictures from outside, made safe to pass on: decoded under limits, turned upright, encoded anew without metadata."""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from typing import BinaryIO

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from PIL import Image, ImageOps, UnidentifiedImageError

FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
ACCEPTED = "image/jpeg,image/png,image/webp,image/gif"
MOST_BYTES = 10 * 1024 * 1024
# A file of a few kilobytes can claim gigapixels; the header is read before any of them is decoded.
MOST_PIXELS = 40_000_000
# Channels take pictures of two megabytes at most.
LARGEST_RESULT = 2 * 1024 * 1024
LONGEST_SIDE = 2560
QUALITIES = (88, 80, 70)
BROKEN = (OSError, SyntaxError, ValueError, EOFError, IndexError, struct.error)


@dataclass(frozen=True)
class Encoded:
    """A picture as bytes: `mime` is image/jpeg or image/png."""

    data: bytes
    mime: str
    width: int
    height: int

    @property
    def ending(self) -> str:
        return "png" if self.mime == "image/png" else "jpg"


def encode_anew(file: BinaryIO) -> Encoded:
    """The picture in `file`, of an animation its first frame, upright, without metadata, in at most LARGEST_RESULT.

    Raises ValidationError with a sentence for people: too large, not a picture of FORMATS, or broken.
    """
    data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise ValidationError(
            _("The picture is too large: %(most)s MB at most.") % {"most": MOST_BYTES // 1024 // 1024}, code="too_large"
        )
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            if image.width * image.height > MOST_PIXELS:
                raise Image.DecompressionBombError
            # Lets the JPEG decoder leave out what would be scaled away.
            image.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))
            decoded = _plain(ImageOps.exif_transpose(image))
    except UnidentifiedImageError:
        raise ValidationError(
            _("This file is not a picture that can be read. Use JPEG, PNG, WebP or GIF."), code="not_a_picture"
        ) from None
    except Image.DecompressionBombError:
        raise ValidationError(
            _("The picture has too many pixels: %(most)s million at most.") % {"most": MOST_PIXELS // 1_000_000},
            code="too_many_pixels",
        ) from None
    except BROKEN:
        raise ValidationError(_("The picture is damaged and cannot be read."), code="damaged") from None
    decoded.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    return encoded(decoded, is_photograph=data[:2] == b"\xff\xd8")


def encoded(image: Image.Image, *, is_photograph: bool = False) -> Encoded:
    """A drawing as PNG, which keeps its edges; a photograph, or what is too large as PNG, as JPEG, smaller until it
    fits."""
    if not is_photograph:
        found = _saved(image, "PNG", optimize=True)
        if len(found.data) <= LARGEST_RESULT:
            return found
    if image.mode == "RGBA":
        ground = Image.new("RGB", image.size, "white")
        ground.paste(image, mask=image.getchannel("A"))
        image = ground
    while True:
        for quality in QUALITIES:
            found = _saved(image, "JPEG", quality=quality, optimize=True, progressive=True)
            if len(found.data) <= LARGEST_RESULT:
                return found
        image = image.resize((max(1, image.width * 3 // 4), max(1, image.height * 3 // 4)))


def _plain(image: Image.Image) -> Image.Image:
    """The pixels alone, as RGB or RGBA."""
    if image.mode.startswith("I"):  # 16 bits of grey
        image = image.convert("I").point(lambda value: value / 256).convert("L")
    see_through = image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info
    plain = image.convert("RGBA" if see_through else "RGB")
    plain.info = {}
    return plain


def _saved(image: Image.Image, kind: str, **options: int | bool) -> Encoded:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return Encoded(file.getvalue(), f"image/{kind.lower()}", image.width, image.height)
