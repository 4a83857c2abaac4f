"""Plays one camera's time line in real time into whatever media the RTSP server has prepared."""

import threading
import time

from encode import stored_units, units_of, x264
from gi.repository import Gst
from paint import Pattern, paint_strip

H264_CAPS = "video/x-h264,stream-format=byte-stream,alignment=au"


class Sink:
    """One prepared media. Time stamps follow the schedule, not the moment of sending."""

    def __init__(self, appsrc):
        self.appsrc, self.base, self.key_seen, self.first_sent = appsrc, None, False, False

    def push(self, data, due_ns, pts_shift=0, dts_shift=None, duration=0):
        if self.base is None:
            clock = self.appsrc.get_clock()
            running = clock.get_time() - self.appsrc.get_base_time() if clock else 0
            self.base = running - due_ns
        buffer = Gst.Buffer.new_wrapped(data)
        # Two units never share a time, as when a session begins with a key picture that is older.
        buffer.pts = max(0, self.base + due_ns + pts_shift)
        buffer.dts = max(0, self.base + due_ns) if dts_shift is None else max(0, self.base + due_ns + dts_shift)
        buffer.duration = duration
        self.appsrc.emit("push-buffer", buffer)


class Player(threading.Thread):
    """Base: pacing, sinks and switches. Subclasses say what comes next."""

    def __init__(self, source):
        super().__init__(daemon=True)
        self.source = source
        self.lock = threading.Lock()
        self.sinks = []
        self.frozen = self.black = self.paused = False
        self.corrupt = 0
        self.began = threading.Event()
        self.origin = None
        self.wall_origin = None
        if source.get("start", "first-client") == "always":
            self.began.set()

    def launch(self):
        """Launch text of the media up to the payloader, its entry named `src`."""
        raise NotImplementedError

    def attach(self, appsrc):
        with self.lock:
            if all(sink.appsrc is not appsrc for sink in self.sinks):
                self.sinks.append(Sink(appsrc))
        self.began.set()

    def begin_with(self, other):
        """Shares a time line's begin: whoever has the first client starts both."""
        if self.began.is_set():
            other.began.set()
        self.began = other.began

    def detach(self, appsrc):
        with self.lock:
            self.sinks = [sink for sink in self.sinks if sink.appsrc is not appsrc]

    def run(self):
        self.began.wait()
        self.origin = time.monotonic_ns()
        self.wall_origin = time.time()
        due = 0
        while True:
            wait = (self.origin + due - time.monotonic_ns()) / 1e9
            if wait > 0:
                time.sleep(wait)
            due += self.step(due)

    def step(self, due):
        """Sends what is due; returns nanoseconds until the next."""
        raise NotImplementedError


class UnitPlayer(Player):
    """Encoded stretches of files from the cache; costs next to nothing while it runs."""

    def __init__(self, source, cache_dir):
        super().__init__(source)
        options = source.get("encode", {})
        load = lambda segments: [
            (units_of(segment, options, cache_dir), segment.get("forS"), segment.get("label")) for segment in segments
        ]
        scenes = source.get("scenes") or {"main": source["segments"]}
        self.scenes = {name: load(segments) for name, segments in scenes.items()}
        self.hold_at_end = source.get("end", "loop") == "hold"
        self.scene = source.get("scene") or next(iter(self.scenes))
        self.next_scene = None
        first = self.scenes[self.scene][0][0][0]
        self.black_unit = None
        if source.get("allowBlack"):
            self.black_unit = units_of({"pattern": "black"}, {**options, "fps": 1}, cache_dir)[0]
        self.segment = self.unit = self.played = 0
        self.gop_key = first
        self.said_segment = None
        self.on_segment = lambda *_: None

    def launch(self):
        return (
            f"appsrc name=src is-live=true format=time caps={H264_CAPS} ! h264parse config-interval=-1 "
            "! rtph264pay name=pay0 pt=96 config-interval=-1 aggregate-mode=zero-latency"
        )

    def _advance(self):
        """The unit that is due, moving on through stretch, list and loop."""
        if self.next_scene:
            self.scene, self.next_scene = self.next_scene, None
            self.segment = self.unit = self.played = 0
        units, for_s, label = self.scenes[self.scene][self.segment]
        if self.unit >= len(units) or (for_s and self.played >= for_s * Gst.SECOND and units[self.unit].key):
            more = for_s and self.played < for_s * Gst.SECOND
            last = self.segment + 1 >= len(self.scenes[self.scene])
            if not more and not (last and self.hold_at_end):
                self.segment = 0 if last else self.segment + 1
                self.played = 0
                self.said_segment = None
            self.unit = 0
            units, for_s, label = self.scenes[self.scene][self.segment]
        if self.said_segment != (self.scene, self.segment):
            self.said_segment = (self.scene, self.segment)
            self.on_segment(self.scene, self.segment, label)
        unit = units[self.unit]
        self.unit += 1
        self.played += unit.duration
        return unit

    def step(self, due):
        unit = self._advance()
        if unit.key and not self.frozen:
            self.gop_key = unit
        shown = unit
        if self.frozen:
            shown = self.gop_key
        if self.black and self.black_unit:
            shown = self.black_unit
        data = shown.data
        if self.corrupt > 0:
            self.corrupt -= 1
            data = damaged(data)
        with self.lock:
            for sink in self.sinks:
                if not self.paused:
                    self._send(sink, shown, data, due, unit.duration)
        return unit.duration

    def _send(self, sink, unit, data, due, duration):
        if unit.key:
            sink.key_seen = True
        if sink.key_seen:
            sink.push(data, due, unit.pts - unit.dts, 0, duration)
        elif not sink.first_sent:
            # A session begins with a picture at once, as a camera's does; the rest waits for its key.
            sink.push(self.gop_key.data, due, self.gop_key.pts - self.gop_key.dts, 0, duration)
        sink.first_sent = True


class ClipPlayer(UnitPlayer):
    """
    A stored clip, unit by unit as it was encoded. Who joins gets the group of pictures so far at once, a
    millisecond apart, because the next key picture of a smart codec may be far.
    """

    def __init__(self, source):
        Player.__init__(self, source)
        self.scenes = {"main": [(stored_units(source["units"]), None, source.get("label"))]}
        self.hold_at_end = False
        self.scene, self.next_scene, self.black_unit = "main", None, None
        self.segment = self.unit = self.played = 0
        self.gop_key, self.gop = self.scenes["main"][0][0][0], []
        self.said_segment = None
        self.on_segment = lambda *_: None

    def step(self, due):
        duration = super().step(due)
        shown = self.scenes[self.scene][self.segment][0][self.unit - 1]
        self.gop = [shown] if shown.key else [*self.gop, shown]
        return duration

    def _send(self, sink, unit, data, due, duration):
        if not sink.key_seen and not unit.key and not self.frozen:
            late = len(self.gop) * Gst.MSECOND
            for place, missed in enumerate(self.gop):
                sink.push(missed.data, due - late + place * Gst.MSECOND, 0, 0, Gst.MSECOND)
            sink.key_seen = sink.first_sent = True
        super()._send(sink, unit, data, due, duration)


class PaintingPlayer(UnitPlayer):
    """As UnitPlayer, decoded again and encoded live with the counter strip in the pictures."""

    def __init__(self, source, cache_dir):
        super().__init__(source, cache_dir)
        self.counter = 0
        self.decoder = Gst.parse_launch(
            f"appsrc name=src is-live=false format=time max-bytes=0 caps={H264_CAPS} ! h264parse ! avdec_h264 max-threads=1 "
            "! videoconvert ! video/x-raw,format=I420 ! appsink name=out sync=false emit-signals=true"
        )
        self.decoder.get_by_name("out").connect("new-sample", self._painted)
        self.decoder.set_state(Gst.State.PLAYING)

    def launch(self):
        return (
            "appsrc name=src is-live=true format=time ! "
            f"{x264(self.source.get('encode', {}), live=True)} "
            "! h264parse config-interval=-1 ! rtph264pay name=pay0 pt=96 config-interval=-1 aggregate-mode=zero-latency"
        )

    def step(self, due):
        unit = self._advance()
        if unit.key and not self.frozen:
            self.gop_key = unit
        buffer = Gst.Buffer.new_wrapped((self.gop_key if self.frozen else unit).data)
        buffer.pts = buffer.dts = due
        buffer.duration = unit.duration
        self.decoder.get_by_name("src").emit("push-buffer", buffer)
        return unit.duration

    def _painted(self, appsink):
        sample = appsink.emit("pull-sample")
        buffer, caps = sample.get_buffer(), sample.get_caps()
        shape = caps.get_structure(0)
        width, height = shape.get_value("width"), shape.get_value("height")
        picture = bytearray(buffer.extract_dup(0, buffer.get_size()))
        self.counter += 1
        paint_strip(picture, width, height, (width + 3) // 4 * 4, self.counter, time.time_ns() // 1_000_000)
        with self.lock:
            for sink in self.sinks:
                if sink.base is None:
                    sink.appsrc.set_property("caps", caps)
                if not self.paused:
                    sink.push(bytes(picture), buffer.pts, duration=buffer.duration)
        return Gst.FlowReturn.OK


class PatternPlayer(Player):
    """A painted test picture with a moving block and the counter strip, encoded live."""

    def __init__(self, source):
        super().__init__(source)
        self.width, self.height = int(source.get("width", 640)), int(source.get("height", 360))
        self.fps = int(source.get("fps", 10))
        self.pattern = Pattern(self.width, self.height)
        self.moving = source.get("moving", True)
        self.counter = 0
        self.last = None

    def launch(self):
        options = {"keyInt": self.fps, **self.source.get("encode", {})}
        return (
            f"appsrc name=src is-live=true format=time caps=video/x-raw,format=I420,width={self.width},"
            f"height={self.height},framerate={self.fps}/1 ! {x264(options, live=True)} "
            "! h264parse config-interval=-1 ! rtph264pay name=pay0 pt=96 config-interval=-1 aggregate-mode=zero-latency"
        )

    def step(self, due):
        duration = Gst.SECOND // self.fps
        self.counter += 1
        with self.lock:
            if self.sinks and not self.paused:
                if not self.frozen or self.last is None:
                    self.last = self._paint()
                for sink in self.sinks:
                    sink.push(self.last, due, duration=duration)
        return duration

    def _paint(self):
        if self.black:
            return b"\x10" * (self.width * self.height) + b"\x80" * (self.width * self.height // 2)
        picture = self.pattern.picture(self.counter, self.moving)
        paint_strip(picture, self.width, self.height, self.width, self.counter, time.time_ns() // 1_000_000)
        return bytes(picture)


def damaged(data):
    """The same length with its slice data overwritten; the start codes stay, so that it travels."""
    at = data.rfind(b"\x00\x00\x01")
    body = at + 12 if at >= 0 else len(data) // 2
    garbage = bytes((i * 37 + 11) % 255 + 1 for i in range(max(0, len(data) - body)))
    return data[:body] + garbage
