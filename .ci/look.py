"""Whether screenshots show what they should: counts pixels near the colours that carry meaning."""
import struct
import sys
import zlib

# Okabe-Ito: what the network saw, what was driven blind.
WANTED = {"ghost blue": (0, 114, 178), "blind orange": (213, 94, 0)}


def pixels(path):
    data = open(path, "rb").read()
    at, packed = 8, b""
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        body = data[at + 8 : at + 8 + length]
        if kind == b"IHDR":
            width, height, depth, colour = struct.unpack(">IIBB", body[:10])
            assert depth == 8 and colour in (2, 6), f"{path}: unexpected PNG form"
        elif kind == b"IDAT":
            packed += body
        at += length + 12
    size = 3 if colour == 2 else 4
    raw, stride = zlib.decompress(packed), width * size
    before = bytearray(stride)
    for y in range(height):
        start = y * (stride + 1)
        how, line = raw[start], bytearray(raw[start + 1 : start + 1 + stride])
        for i in range(stride):
            left = line[i - size] if i >= size else 0
            corner = before[i - size] if i >= size else 0
            up = before[i]
            if how == 1:
                line[i] = (line[i] + left) & 255
            elif how == 2:
                line[i] = (line[i] + up) & 255
            elif how == 3:
                line[i] = (line[i] + (left + up) // 2) & 255
            elif how == 4:
                guess = left + up - corner
                near = min((left, up, corner), key=lambda v: abs(guess - v))
                line[i] = (line[i] + near) & 255
        before = line
        for x in range(0, stride, size):
            yield line[x : x + 3]


for path in sys.argv[1:]:
    counts = dict.fromkeys(WANTED, 0)
    shades = set()
    for r, g, b in pixels(path):
        shades.add((r >> 4, g >> 4, b >> 4))
        for name, (wr, wg, wb) in WANTED.items():
            counts[name] += abs(r - wr) + abs(g - wg) + abs(b - wb) < 90
    print(path, counts, len(shades), "shades")
    if len(shades) < 60 or min(counts.values()) < 1000:
        sys.exit(f"{path} does not show what it should")
