"""Damage to files: to any bytes, and to formats in such a way that the damage gets past the first check."""

from __future__ import annotations

import copy
import io
import json
import random
import struct
import zipfile
import zlib
from collections.abc import Callable, Sequence
from typing import Any

NUMBERS = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**63, -(2**63), 2**64, 10**30, 10**400, 0.5, 1e308, -0.0),
    *(
        float("nan"),
        float("inf"),
        -float("inf"),
        "nan",
        "inf",
        "",
        " ",
        "x",
        "\0",
        "a\nb",
        "\x1b[31m",
        "\ud800",
        "é" * 300,
    ),
    *("../../x", "/etc/passwd", "C:\\x", "a" * 5000, "@deep", "@digits", "1e999", "١٢", [], {}, [[]], {"a": 1}),
)
"""What stands where something else is expected; ``@`` is replaced in the text, since no parser would write it."""
RAW = {'"@deep"': "[" * 100_000, '"@digits"': "1" * 5000}
TOML = (
    *("true", "false", "0", "-1", "9223372036854775808", "1" * 5000, "0x" + "f" * 5000, "1e999", "inf", "-inf", "nan"),
    *('""', '"x"', r'"\u0000"', r'"a\nb"', r'"\u001b[31m"', '"../../x"', '"/etc/passwd"', '"' + "a" * 5000 + '"', "[]"),
    *(
        "{}",
        "[inf, inf]",
        "[-inf, inf]",
        "[1e400, 2e400]",
        "[1" + "0" * 400 + ", 2" + "0" * 400 + "]",
        "[[]]",
        "[" * 5000,
    ),
    *(
        "1979-05-27",
        "2020-13-45",
        "12:00:00",
        '["x"]',
        "{a = 1}",
        "{a = {}}",
        "[1, 2]",
        "[100000000, 100000000]",
        '"x.toml"',
    ),
    *(
        '"~nobody0/x"',
        '"http://["',
        '"file://["',
        '"os.path"',
        '"/dev/null"',
        r'"\u0000.toml"',
        '"é"',
        "1000000000000",
        "[0.1, 0.2]",
        '[["", 1.0]]',
        '"' + "a/" * 300 + '.toml"',
    ),
)


def damaged(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Bytes with one to four faults: bits turned, parts gone, doubled, cut off, from another file, or lying numbers."""
    content = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4))):
        at = rng.randrange(min(len(content), rng.choice((64, 1 << 30))) + 1)
        span = rng.choice((1, 2, 4, 16, 200))
        match rng.randrange(9):
            case 0:
                for position in range(at, min(at + rng.choice((1, 1, 8)), len(content))):
                    content[position] ^= 1 << rng.randrange(8)
            case 1:
                content[at : at + span] = rng.randbytes(span)
            case 2:
                del content[at : at + span]
            case 3:
                content[at:at] = content[at : at + span] * rng.choice((1, 2, 50))
            case 4:
                del content[at:]
            case 5:
                other = rng.choice(others)
                content[at:] = other[rng.randrange(len(other) + 1) :]
            case 6 | 7:
                kind = rng.choice((">H", "<H", ">I", "<I"))
                number = rng.choice(NUMBERS) & (0xFFFF if kind[1] == "H" else 0xFFFFFFFF)
                content[at : at + struct.calcsize(kind)] = struct.pack(kind, number)
            case 8:
                content[at:at] = bytes([rng.choice((0, 10, 34, 91, 123, 128, 255))]) * rng.choice((1, 3, 3000))
    return bytes(content)


def damaged_png(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Chunks of a PNG damaged, moved or left out, each with a right checksum again."""
    chunks, at = [], 8
    while at + 12 <= len(data):
        size = int.from_bytes(data[at : at + 4])
        chunks.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + size]))
        at += 12 + size
    for _ in range(rng.choice((1, 1, 2))):
        number = rng.randrange(len(chunks))
        kind, content = chunks[number]
        match rng.randrange(6):
            case 0 | 1:
                content = damaged(rng, content, others)
            case 2:
                kind = rng.choice(
                    (b"tRNS", b"PLTE", b"eXIf", b"iCCP", b"zTXt", b"acTL", b"fcTL", b"IDAT", b"IEND", b"gAMA")
                )
            case 3:
                chunks.insert(rng.randrange(len(chunks)), chunks[number])
            case 4:  # a bomb, or as many rows as the header's lie asks for
                content = zlib.compress(bytes(rng.choice((10, 100_000, 30_000_000))), 9)
            case 5:
                header = chunks[0][1]
                depth, colour = rng.choice((1, 2, 4, 8, 16, 3)), rng.choice((0, 2, 3, 4, 6, 1))
                sides = [rng.choice((*NUMBERS, 12, 3000)) for _ in range(2)]
                number, kind = 0, b"IHDR"
                content = struct.pack(">IIBB", *sides, depth, colour) + header[10:]
        chunks[number] = (kind, content)
    made = [struct.pack(">I", len(c)) + k + c + struct.pack(">I", zlib.crc32(k + c)) for k, c in chunks]
    return data[:8] + b"".join(made)


def damaged_json(rng: random.Random, data: bytes, seal: Callable[[Any], Any] = lambda document: document) -> bytes:
    """A document with one to three values replaced, left out or added; ``seal`` is told it before it is written."""
    document = json.loads(data)
    for _ in range(rng.choice((1, 1, 3))):
        document = _replaced(rng, document)
    text = json.dumps(seal(document))
    for mark, raw in RAW.items():
        text = text.replace(mark, raw)
    return text.encode()


def _replaced(rng: random.Random, node: Any) -> Any:
    if isinstance(node, dict | list) and node and rng.random() < 0.9:
        key: Any = rng.choice(sorted(node)) if isinstance(node, dict) else rng.randrange(len(node))
        chance = rng.random()
        if chance < 0.1:
            del node[key]
        elif chance < 0.2 and isinstance(node, dict):
            node[rng.choice(("x", "", "\0", "psnr", "__proto__"))] = copy.deepcopy(rng.choice(VALUES))
        elif chance < 0.2:
            node.extend(copy.deepcopy(node) * rng.choice((1, 29)))
        else:
            node[key] = _replaced(rng, node[key])
        return node
    return copy.deepcopy(rng.choice(VALUES))


def damaged_toml(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Lines with other values or keys, doubled, left out, moved or taken from another file."""
    lines = data.decode().splitlines()
    for _ in range(rng.choice((1, 1, 2, 3))):
        at = rng.randrange(len(lines))
        key, sign, _ = lines[at].partition(" = ")
        match rng.randrange(8):
            case 0 | 1 | 2 | 3 if sign:
                lines[at] = f"{key} = {rng.choice(TOML)}"
            case 4:
                lines.insert(at, lines[rng.randrange(len(lines))])
            case 5 if len(lines) > 1:
                del lines[at]
            case 6:
                dotted = ".".join(["a"] * rng.choice((2, 300, 30_000)))
                lines.insert(
                    at, f"{rng.choice((dotted, '[' + dotted + ']', 'x', key or 'y', '[x]'))} = {rng.choice(TOML)}"
                )
            case _:
                words = lines[at].split(" ")
                words[rng.randrange(len(words))] = rng.choice(TOML)
                lines[at] = " ".join(words)
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def damaged_csv(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Fields replaced, rows doubled or cut."""
    rows = data.decode().splitlines()
    for _ in range(rng.choice((1, 1, 3))):
        at = rng.randrange(len(rows))
        fields = rows[at].split(",")
        value = rng.choice(VALUES)
        text = str(value) if not isinstance(value, int) or abs(value) < 10**40 else "1" * 5000
        fields[rng.randrange(len(fields))] = rng.choice((text, f'"{text}"', '"', "x.toml", "\0.toml", "x" * 200_000))
        rows[at] = ",".join(fields)
        if rng.random() < 0.2:
            rows.insert(at, rng.choice(rows))
    return "\n".join(rows).encode("utf-8", "surrogatepass")


def damaged_safetensors(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """A file of tensors with a damaged header of, mostly, the length that it claims."""
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    inner = header.get("__metadata__", {})
    if rng.random() < 0.4 and "srbench" in inner:
        inner["srbench"] = damaged_json(rng, inner["srbench"].encode()).decode("utf-8", "replace")
        made = json.dumps(header).encode()
    elif rng.random() < 0.3:
        tensor = header[rng.choice([name for name in header if name != "__metadata__"])]
        tensor["dtype"] = rng.choice(
            ("F64", "I8", "BOOL", "BF16", "F8_E4M3", "F8_E8M0", "F4", "C64", "U64", "F6_E2M3", "X")
        )
        if rng.random() < 0.5:
            tensor["shape"] = rng.choice(([0], [0, 2**62], [2**32, 2**32], [], [1] * 100, [-1]))
        made = json.dumps(header).encode()
    else:
        made = damaged_json(rng, json.dumps(header).encode())
    claimed = len(made) if rng.random() < 0.8 else rng.choice((0, 1, len(made) + 1, 2**31, 2**63, 2**64 - 1))
    return claimed.to_bytes(8, "little") + made + data[8 + size :]


def damaged_zip(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """An archive made anew with hostile members, or with the sizes and places in its directory overwritten."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(made, "w") as target:
        for info in source.infolist():
            content = source.read(info)
            member = zipfile.ZipInfo(info.filename)
            member.compress_type = rng.choice((0, 8, 8, 8, 12, 14))
            match rng.randrange(10):
                case 0:
                    member.external_attr = rng.choice((0o120777, 0o040755, 0o020666, 0xFFFF)) << 16
                case 1:
                    member.filename = rng.choice(("../x", "/x", "..\\x", "a/" * 200, "\0", "", "x" * 60000))
                case 2:
                    content = bytes(rng.choice((0, 1_000_000, 5_000_000)))
                case 3:
                    member.extra = rng.randbytes(rng.randrange(20))
            target.writestr(member, content)
    content = bytearray(made.getvalue())
    for _ in range(rng.randrange(3)):  # in a header or the directory, where sizes and offsets are
        mark = rng.choice((b"PK\1\2", b"PK\3\4", b"PK\5\6"))
        places = [at for at in range(len(content)) if content[at : at + 4] == mark]
        if places:
            at = rng.choice(places) + rng.randrange(4, 46)
            content[at : at + 4] = struct.pack("<I", rng.choice(NUMBERS))
    return bytes(content)
