"""
A strip of 2 x 32 black and white blocks at the top of a picture, read back by `strip.ts`: frame counter
(16 bits), wall clock in milliseconds at painting time modulo 2^40, CRC-8 of these seven bytes.
Most significant bit first, left to right, upper row first. Large enough to survive H.264, scaling and JPEG.
"""

COLUMNS, ROWS = 32, 2


def crc8(data):
    """Polynomial x^8 + x^2 + x + 1 (0x07), initial value 0."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = ((crc << 1) ^ 0x07) & 0xFF if crc & 0x80 else crc << 1
    return crc


def strip_height(height):
    """Of one row of blocks, in pixels, even because chroma is halved."""
    return max(8, round(height / 24) // 2 * 2)


def paint_strip(picture, width, height, stride, counter, wall_ms):
    """Paints into an I420 picture (bytearray) with the luma stride given."""
    payload = (counter & 0xFFFF).to_bytes(2, "big") + (wall_ms % (1 << 40)).to_bytes(5, "big")
    bits = int.from_bytes(payload + bytes([crc8(payload)]), "big")
    block_h = strip_height(height)
    edges = [column * width // COLUMNS for column in range(COLUMNS + 1)]
    for row in range(ROWS):
        line = bytearray(width)
        for column in range(COLUMNS):
            bit = bits >> (63 - row * COLUMNS - column) & 1
            left, right = edges[column], edges[column + 1]
            line[left:right] = (b"\xeb" if bit else b"\x10") * (right - left)
        padded = bytes(line) + b"\x10" * (stride - width)
        at = row * block_h * stride
        picture[at : at + block_h * stride] = padded * block_h
    # Grey chroma under the strip.
    chroma_stride, chroma_height = stride // 2, (height + 1) // 2
    for plane in range(2):
        at = stride * height + plane * chroma_stride * chroma_height
        picture[at : at + chroma_stride * block_h] = b"\x80" * (chroma_stride * block_h)


class Pattern:
    """A grey picture with stripes and a bright block that moves along, as I420 bytes."""

    def __init__(self, width, height):
        # GStreamer's I420 has rows padded to four bytes; a width of a multiple of 8 needs none.
        if width % 8 or height % 2:
            raise ValueError("a pattern's width must be a multiple of 8, its height of 2")
        self.width, self.height, self.stride = width, height, width
        background = bytearray()
        for y in range(height):
            background += bytes([70 + 20 * (y // 32 % 2)]) * width
        background += b"\x80" * (width * height // 2)
        self.background = bytes(background)

    def picture(self, step, moving):
        picture = bytearray(self.background)
        if moving:
            size = self.height // 4
            left = step * max(2, self.width // 80) % (self.width - size)
            top = self.height // 2
            for y in range(top, top + size):
                at = y * self.stride + left
                picture[at : at + size] = b"\xd2" * size
        return picture
