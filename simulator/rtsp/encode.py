"""Turns a stretch of a video file into H.264 access units, once: the result is cached by content and options."""

import hashlib
import json
import os
import tempfile

from gi.repository import Gst

# Raised when what is stored changes, so that old caches are not read.
CACHE_VERSION = 1


class Unit:
    """One access unit, byte-stream; times in nanoseconds from the start of its stretch."""

    __slots__ = ("data", "pts", "dts", "key", "duration")

    def __init__(self, data, pts, dts, key, duration):
        self.data, self.pts, self.dts, self.key, self.duration = data, pts, dts, key, duration


def x264(options, live):
    """
    The encoder and its caps as launch text. One thread: the same bytes on every machine. The profile is
    named because payloaders in the RTSP server ask for constrained baseline, which has no B-frames.
    """
    bframes = int(options.get("bframes", 0))
    tune = "" if bframes else "tune=zerolatency "
    return (
        f"x264enc {tune}speed-preset={options.get('preset', 'ultrafast' if live else 'veryfast')} threads=1 "
        f"key-int-max={int(options.get('keyInt', 10))} bframes={bframes} b-adapt=false "
        f"bitrate={int(options.get('bitrateKbps', 1500))} option-string=scenecut=0 "
        f"! video/x-h264,stream-format=byte-stream,alignment=au{',profile=main' if bframes else ''}"
    )


def raw_caps(options):
    caps = "video/x-raw,format=I420,pixel-aspect-ratio=1/1"
    if options.get("width"):
        caps += f",width={int(options['width'])},height={int(options['height'])}"
    if options.get("fps"):
        caps += f",framerate={int(options['fps'])}/1"
    return caps


def units_of(segment, options, cache_dir):
    """Access units of `segment` ({file, fromS?, toS?} or {pattern}), from the cache or encoded now."""
    key = hashlib.sha256(
        json.dumps([CACHE_VERSION, _identity(segment), {k: options[k] for k in sorted(options)}]).encode()
    ).hexdigest()[:24]
    path = os.path.join(cache_dir, key + ".units")
    if not os.path.exists(path):
        os.makedirs(cache_dir, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=cache_dir)
        with os.fdopen(handle, "wb") as out:
            write_units(out, _encode(segment, options))
        # Whoever finishes first wins; the bytes are the same.
        os.replace(temporary, path)
    return _read(path)


def _identity(segment):
    identity = {k: v for k, v in segment.items() if k in ("fromS", "toS", "pattern", "seconds")}
    if "file" in segment:
        with open(segment["file"], "rb") as source:
            identity["sha256"] = hashlib.file_digest(source, "sha256").hexdigest()
    return identity


def _encode(segment, options):
    if "pattern" in segment:
        fps = int(options.get("fps") or 10)
        frames = max(1, int(fps * float(segment.get("seconds", 1))))
        head = f"videotestsrc pattern={segment['pattern']} num-buffers={frames} ! videoconvert"
    else:
        head = f"filesrc location=\"{segment['file']}\" ! decodebin ! videoconvert ! videoscale ! videorate"
    pipeline = Gst.parse_launch(
        f"{head} ! {raw_caps(options)} ! identity name=cut ! {x264(options, live=False)} "
        "! h264parse config-interval=-1 ! video/x-h264,stream-format=byte-stream,alignment=au "
        "! appsink name=out sync=false max-buffers=50"
    )
    begin = int(float(segment.get("fromS", 0)) * Gst.SECOND)
    end = int(float(segment["toS"]) * Gst.SECOND) if segment.get("toS") is not None else None

    def keep(_pad, info):
        pts = info.get_buffer().pts
        inside = pts >= begin and (end is None or pts < end)
        return Gst.PadProbeReturn.OK if inside else Gst.PadProbeReturn.DROP

    pipeline.get_by_name("cut").get_static_pad("src").add_probe(Gst.PadProbeType.BUFFER, keep)
    pipeline.set_state(Gst.State.PLAYING)
    out = pipeline.get_by_name("out")
    units = []
    while True:
        sample = out.emit("pull-sample")
        if sample is None:
            break
        buffer = sample.get_buffer()
        key = not buffer.has_flags(Gst.BufferFlags.DELTA_UNIT)
        dts = buffer.dts if buffer.dts != Gst.CLOCK_TIME_NONE else buffer.pts
        units.append(Unit(buffer.extract_dup(0, buffer.get_size()), buffer.pts, dts, key, 0))
    error = pipeline.get_bus().pop_filtered(Gst.MessageType.ERROR)
    pipeline.set_state(Gst.State.NULL)
    if error:
        raise RuntimeError(error.parse_error()[0].message)
    if not units:
        raise RuntimeError(f"no picture in {segment}")
    return _from_zero(units)


def _from_zero(units):
    """Decoding order is sending order: a unit lasts until the next one is due."""
    dts0, pts0 = units[0].dts, min(unit.pts for unit in units)
    gaps = [b.dts - a.dts for a, b in zip(units, units[1:])] or [Gst.SECOND // 10]
    usual = sorted(gaps)[len(gaps) // 2]
    for unit, gap in zip(units, gaps + [usual]):
        unit.duration, unit.pts, unit.dts = gap if gap > 0 else usual, unit.pts - pts0, unit.dts - dts0
    return units


def write_units(out, units):
    """The stored form: a JSON line of [bytes, pts, dts, key, duration] a unit, then the units one after the other."""
    index = [[len(u.data), u.pts, u.dts, u.key, u.duration] for u in units]
    out.write(json.dumps(index).encode() + b"\n")
    for unit in units:
        out.write(unit.data)


def _read(path):
    with open(path, "rb") as source:
        index = json.loads(source.readline())
        return [Unit(source.read(size), pts, dts, key, duration) for size, pts, dts, key, duration in index]


class StoredUnit:
    """A unit that stays in its file until it is sent: a clip may be long."""

    __slots__ = ("pts", "dts", "key", "duration", "_at", "_size", "_file")

    def __init__(self, file, at, size, pts, dts, key, duration):
        self._file, self._at, self._size = file, at, size
        self.pts, self.dts, self.key, self.duration = pts, dts, key, duration

    @property
    def data(self):
        return os.pread(self._file.fileno(), self._size, self._at)


def stored_units(path):
    """Units of a clip that was encoded before."""
    source = open(path, "rb")
    index = json.loads(source.readline())
    at, units = source.tell(), []
    for size, pts, dts, key, duration in index:
        units.append(StoredUnit(source, at, size, pts, dts, key, duration))
        at += size
    return units
