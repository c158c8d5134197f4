"""Made-up sets in MagicBrush's layout, zips of them good and bad, and the mini family's CLIP."""

from __future__ import annotations

import json
import stat
import struct
import zipfile
import zlib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw
from transformers import CLIPModel, CLIPProcessor

from pix2pix_onthefly.evaluation.data.turns import Dataset

SESSIONS = {"139": 3, "30": 1, "242": 2}
BLANK = "139-output2.png"
"""The output without a local description."""
WORDS = "apple", "cat", "owl", "red", "beach", "banana"


def write_set(
    folder: Path,
    sessions: Mapping[str, int] = SESSIONS,
    *,
    global_file: str = "global_descriptions.json",
    local_file: str = "local_descriptions.json",
) -> Path:
    """Sessions of so many turns each; every picture differs from every other."""
    turns = {session: [_turn(session, number) for number in range(1, count + 1)] for session, count in sessions.items()}
    names = {session: [f"{session}-input.png", *(turn["output"] for turn in turns[session])] for session in turns}
    for session, pictures in names.items():
        (folder / "images" / session).mkdir(parents=True)
        for number, picture in enumerate(pictures):
            draw_picture(int(session) + number).save(folder / "images" / session / picture)
        for turn in turns[session]:
            Image.new("L", (24, 24), 255).save(folder / "images" / session / turn["mask"])
    write_json(folder / "edit_sessions.json", turns)
    write_json(folder / "edit_turns.json", [turn for session in turns.values() for turn in session])
    texts = {session: {name: describe(session, n) for n, name in enumerate(names[session])} for session in names}
    write_json(folder / global_file, texts)
    local = {
        session: {name: "" if name == BLANK else f"a {text}" for name, text in list(texts[session].items())[1:]}
        for session in texts
    }
    write_json(folder / local_file, local)
    return folder


def _turn(session: str, number: int) -> dict[str, str]:
    return {
        "input": f"{session}-input.png" if number == 1 else f"{session}-output{number - 1}.png",
        "mask": f"{session}-mask{number}.png",
        "output": f"{session}-output{number}.png",
        "instruction": f"change {number}",
    }


def describe(session: str, number: int) -> str:
    """The global description of a session's picture, 0 for its input."""
    start = int(session) + number
    return " ".join(WORDS[(start + step) % len(WORDS)] for step in range(3))


def texts_of(dataset: Dataset) -> list[tuple[str, int, str, str | None, str | None, str | None]]:
    """What is written of each turn."""
    return [
        (turn.session, turn.number, turn.instruction, turn.source_caption, turn.global_caption, turn.local_caption)
        for turn in dataset.turns
    ]


def draw_picture(seed: int, size: tuple[int, int] = (24, 24)) -> Image.Image:
    """A box on a plain ground."""
    picture = Image.new("RGB", size, ((seed * 37) % 256, (seed * 91) % 256, (seed * 53) % 256))
    left = seed % (size[0] // 2)
    ImageDraw.Draw(picture).rectangle((left, 4, left + 8, 14), fill=(255 - seed % 200, seed % 250, 40))
    return picture


def write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content), encoding="utf-8")


def change_json(path: Path, change: Any) -> None:
    """Lets `change` alter what a file holds, or return something to put in its place."""
    content = json.loads(path.read_text(encoding="utf-8"))
    write_json(path, change(content) or content)


def zip_folder(folder: Path, path: Path, prefix: str = "", password: str | None = None) -> Path:
    """A zip of a folder's files below `prefix`, in the old encryption where a password is given."""
    contents = {f"{prefix}{file.relative_to(folder).as_posix()}": file for file in folder.rglob("*") if file.is_file()}
    if password is not None:
        path.write_bytes(_encrypted_zip({name: file.read_bytes() for name, file in contents.items()}, password))
        return path
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, file in contents.items():
            archive.write(file, name)
    return path


def zip_with_entry(path: Path, name: str, *, kind: int = stat.S_IFREG) -> Path:
    """A zip with a good entry and one of any name and kind of file."""
    entry = zipfile.ZipInfo()
    entry.filename = name
    entry.external_attr = (kind | 0o644) << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("edit_sessions.json", "{}")
        archive.writestr(entry, "evil")
    return path


def pretend_aes(path: Path) -> None:
    """Marks all entries of a zip as encrypted by AES."""
    content = bytearray(path.read_bytes())
    for signature, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        start = content.find(signature)
        while start >= 0:
            struct.pack_into("<2H", content, start + flags, 1, 99)
            start = content.find(signature, start + 1)
    path.write_bytes(bytes(content))


def _encrypted_zip(contents: Mapping[str, bytes], password: str) -> bytes:
    """A zip in PKWARE's old encryption, which Python reads and does not write (APPNOTE.TXT 6.1)."""
    body, directory = b"", b""
    for name, content in contents.items():
        checksum = zlib.crc32(content)
        packed = _encrypt(bytes(11) + bytes([checksum >> 24]) + content, password.encode())
        shared = struct.pack("<4H3L2H", 1, 0, 0, 0x21, checksum, len(packed), len(content), len(name), 0)
        offset = len(body)
        body += b"PK\3\4" + struct.pack("<H", 20) + shared + name.encode() + packed
        directory += b"PK\1\2" + struct.pack("<2H", 20, 20) + shared + struct.pack("<3H2L", 0, 0, 0, 0, offset)
        directory += name.encode()
    count = len(contents)
    return body + directory + b"PK\5\6" + struct.pack("<4H2LH", 0, 0, count, count, len(directory), len(body), 0)


def _encrypt(data: bytes, password: bytes) -> bytes:
    keys = [0x12345678, 0x23456789, 0x34567890]

    def crc(value: int, byte: int) -> int:
        return zlib.crc32(bytes([byte]), value ^ 0xFFFFFFFF) ^ 0xFFFFFFFF

    def update(byte: int) -> None:
        keys[0] = crc(keys[0], byte)
        keys[1] = ((keys[1] + (keys[0] & 0xFF)) * 134775813 + 1) & 0xFFFFFFFF
        keys[2] = crc(keys[2], keys[1] >> 24)

    for byte in password:
        update(byte)
    encrypted = bytearray()
    for byte in data:
        word = (keys[2] | 2) & 0xFFFF
        encrypted.append(byte ^ ((word * (word ^ 1)) >> 8) & 0xFF)
        update(byte)
    return bytes(encrypted)


@cache
def mini_clip() -> tuple[CLIPModel, Any]:
    """The bundled CLIP in full precision and its processor; no test may change them."""
    folder = str(files("pix2pix_onthefly") / "mini" / "clip")
    model = CLIPModel.from_pretrained(folder, dtype="float32")
    return model.eval(), CLIPProcessor.from_pretrained(folder, backend="pil")
