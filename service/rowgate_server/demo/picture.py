"""Packet pictures: PNG files of 16 by 16 pixels, made by hand.

The image data is stored, not compressed: deflate's output differs between zlib and its replacements, and these bytes
must not.
"""

from __future__ import annotations

import struct
import zlib

from rowgate_server.demo.dice import Dice

_PAPER = (250, 246, 235)
_INKS = {
    "black": (40, 38, 44),
    "blue": (62, 96, 170),
    "bronze": (140, 90, 50),
    "crimson": (170, 30, 60),
    "gold": (214, 164, 50),
    "green": (58, 120, 64),
    "orange": (226, 120, 40),
    "pink": (224, 120, 160),
    "purple": (112, 62, 136),
    "white": (176, 172, 160),
    "yellow": (236, 200, 60),
}
_MIRRORED = [int(f"{byte:08b}"[::-1], 2) for byte in range(256)]


def png(dice: Dice, colour: str) -> bytes:
    """A symmetrical pattern in a plant's colour on cream paper."""
    pixels = bytearray()
    for _ in range(16):
        left = int(dice() * 256)
        pixels += bytes((0, left, _MIRRORED[left]))  # 0: the line is not filtered
    stored = b"\x78\x01\x01" + struct.pack("<HH", len(pixels), len(pixels) ^ 0xFFFF) + pixels
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"IHDR", struct.pack(">IIBBBBB", 16, 16, 1, 3, 0, 0, 0)),
            _chunk(b"PLTE", bytes(_PAPER + _INKS[colour])),
            _chunk(b"IDAT", stored + struct.pack(">I", zlib.adler32(pixels))),
            _chunk(b"IEND", b""),
        )
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
