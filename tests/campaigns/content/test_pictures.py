"""Pictures: taken in under limits, shared, served to receivers, swept."""

from __future__ import annotations

import io
import os
import struct
import zlib
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.core.files.storage import default_storage
from django.urls import reverse
from PIL import Image

from community_ops.lib import images
from community_ops.lib.images import encode_anew
from delivery.models import Picture
from delivery.services import Content, message_create, picture_create, pictures_sweep
from tests.builders import NOW
from tests.campaigns.content.things import picture_bytes

ORIENTATION, CAMERA = 0x0112, 0x010F


def taken_in(data: bytes) -> images.Encoded:
    return encode_anew(io.BytesIO(data))


@pytest.fixture(autouse=True)
def files(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path


def test_a_photograph_is_turned_upright_and_loses_its_metadata():
    exif = Image.Exif()
    exif[ORIENTATION], exif[CAMERA] = 6, "a camera"
    found = taken_in(picture_bytes("JPEG", (40, 30), exif=exif, comment=b"at home"))
    assert (found.mime, found.width, found.height) == ("image/jpeg", 30, 40)
    with Image.open(io.BytesIO(found.data)) as image:
        assert not image.getexif()
        assert "comment" not in image.info
    assert b"camera" not in found.data


@pytest.mark.parametrize(
    ("data", "mime"),
    [
        (picture_bytes("WEBP"), "image/png"),
        (picture_bytes("GIF", mode="P", color=3), "image/png"),
        (picture_bytes("PNG", mode="RGBA", color=(1, 2, 3, 40)), "image/png"),
        (picture_bytes("PNG", mode="I;16", color=40_000), "image/png"),
        (picture_bytes("JPEG", mode="CMYK", color=(10, 20, 30, 40)), "image/jpeg"),
    ],
)
def test_every_common_picture_comes_out_as_what_channels_take(data, mime):
    found = taken_in(data)
    assert found.mime == mime
    with Image.open(io.BytesIO(found.data)) as image:
        assert image.mode in ("RGB", "RGBA")


def test_of_an_animation_the_first_frame_stays():
    file = io.BytesIO()
    frames = [Image.new("RGB", (20, 20), color) for color in ("red", "blue")]
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:])
    with Image.open(io.BytesIO(taken_in(file.getvalue()).data)) as image:
        assert getattr(image, "n_frames", 1) == 1
        assert image.convert("RGB").getpixel((5, 5)) == (255, 0, 0)


def test_what_is_too_large_for_a_channel_is_made_smaller():
    noise = Image.effect_noise((2400, 1800), 90).convert("RGB")
    file = io.BytesIO()
    noise.save(file, "PNG", compress_level=1)
    found = taken_in(file.getvalue())
    assert len(found.data) <= images.LARGEST_RESULT
    assert found.mime == "image/jpeg"


def bomb(width: int, height: int) -> bytes:
    """A few bytes that claim to be a picture of this size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not_a_picture"),
        (b"", "not_a_picture"),
        (picture_bytes("BMP"), "not_a_picture"),
        (picture_bytes("JPEG", (400, 300))[:300], "damaged"),
        (bomb(9000, 9000), "too_many_pixels"),
        (bomb(60_000, 60_000), "too_many_pixels"),
        (b"\xff\xd8" + b"0" * images.MOST_BYTES, "too_large"),
    ],
)
def test_what_is_no_picture_or_too_much_of_one_is_refused_with_a_sentence(data, code):
    with pytest.raises(ValidationError) as refused:
        taken_in(data)
    assert refused.value.code == code


@pytest.mark.django_db
def test_the_same_upload_is_one_row_for_each_branch():
    data = picture_bytes()
    first, again, elsewhere = (
        picture_create(file=io.BytesIO(data), branch_id=branch, now=NOW) for branch in (None, None, 7)
    )
    assert first == again
    assert elsewhere.pk != first.pk
    assert len(default_storage.listdir("pictures")[1]) == 2


@pytest.mark.django_db
def test_receivers_read_a_picture_by_its_token_without_signing_in(client, django_assert_num_queries):
    picture = picture_create(file=io.BytesIO(picture_bytes()), branch_id=None, now=NOW)
    address = reverse("member:picture", args=[picture.token])
    with django_assert_num_queries(1):
        answer = client.get(address)
    assert Image.open(io.BytesIO(answer.getvalue())).size == (40, 30)
    assert answer["Content-Type"] == "image/png"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "immutable" in answer["Cache-Control"]
    assert client.get(reverse("member:picture", args=["x" * 22])).status_code == 404
    default_storage.delete(picture.file.name)
    assert client.get(address).status_code == 404


@pytest.mark.django_db
def test_pictures_that_nothing_shows_are_swept_with_their_files():
    shown, forgotten, fresh = (
        picture_create(file=io.BytesIO(picture_bytes(color=color)), branch_id=None, now=NOW)
        for color in ("red", "blue", "green")
    )
    message_create(content=Content(title="早安", text="早", picture_id=shown.pk))
    later = NOW + timedelta(days=3)
    for name in default_storage.listdir("pictures")[1]:
        os.utime(default_storage.path(f"pictures/{name}"), (NOW.timestamp(), NOW.timestamp()))
    picture_create(file=io.BytesIO(picture_bytes(color="green")), branch_id=None, now=later)  # uploaded again
    assert pictures_sweep(now=later) == 1
    assert pictures_sweep(now=later) == 0
    assert set(Picture.objects.values_list("pk", flat=True)) == {shown.pk, fresh.pk}
    assert sorted(default_storage.listdir("pictures")[1]) == sorted(
        picture.file.name.removeprefix("pictures/") for picture in (shown, fresh)
    )
    assert not default_storage.exists(forgotten.file.name)
