"""
Encodes raw I420 pictures as a camera does. Reads jobs from standard input: a JSON line
{width, height, fps, frames, mode, kbps, colorimetry, out}, then for each frame one byte (1: key picture) and
the picture. Writes the units to `out` (as ../rtsp/encode.py stores them) and answers each job with a JSON line.
Ends when standard input ends.
"""

import json
import os
import signal
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstVideo", "1.0")
from gi.repository import Gst, GstVideo  # noqa: E402

Gst.init(None)
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "rtsp"))
from encode import Unit, write_units  # noqa: E402

# Key pictures come where they are asked for, and nowhere else.
NEVER = 1 << 20


def launch(job):
    # One thread: the same bytes on every machine. VBR holds the quality and caps the rate over two seconds;
    # CBR holds the rate, with half a second of slack.
    rate = (
        f"pass=cbr vbv-buf-capacity=500 bitrate={job['kbps']}"
        if job["mode"] == "cbr"
        else f"pass=qual quantizer=24 vbv-buf-capacity=2000 bitrate={job['kbps']}"
    )
    return (
        "appsrc name=src is-live=false format=time block=true max-bytes=8000000 "
        f"caps=video/x-raw,format=I420,width={job['width']},height={job['height']},framerate={job['fps']}/1,"
        f"pixel-aspect-ratio=1/1,colorimetry={job['colorimetry']} "
        f"! x264enc name=encoder tune=zerolatency speed-preset=veryfast threads=1 bframes=0 {rate} key-int-max={NEVER} "
        "option-string=scenecut=0 ! video/x-h264,stream-format=byte-stream,alignment=au,profile=high "
        "! h264parse config-interval=-1 ! video/x-h264,stream-format=byte-stream,alignment=au "
        "! appsink name=out sync=false max-buffers=0"
    )


def read_exactly(size):
    data = sys.stdin.buffer.read(size)
    if len(data) < size:
        raise EOFError("the pictures ended early")
    return data


def encode(job):
    pipeline = Gst.parse_launch(launch(job))
    source, out = pipeline.get_by_name("src"), pipeline.get_by_name("out")
    encoder = pipeline.get_by_name("encoder")
    keys = set()

    def force(_pad, info):
        # Asked for just before the picture, without a time: x264enc shifts times by a thousand hours.
        if info.get_buffer().pts in keys:
            event = GstVideo.video_event_new_upstream_force_key_unit(Gst.CLOCK_TIME_NONE, False, len(keys))
            encoder.get_static_pad("src").send_event(event)
        return Gst.PadProbeReturn.OK

    encoder.get_static_pad("sink").add_probe(Gst.PadProbeType.BUFFER, force)
    pipeline.set_state(Gst.State.PLAYING)
    size = job["width"] * job["height"] * 3 // 2
    try:
        for index in range(job["frames"]):
            is_key = read_exactly(1) == b"\x01"
            buffer = Gst.Buffer.new_wrapped(read_exactly(size))
            buffer.pts = index * Gst.SECOND // job["fps"]
            buffer.duration = (index + 1) * Gst.SECOND // job["fps"] - buffer.pts
            if is_key:
                keys.add(buffer.pts)
            if source.emit("push-buffer", buffer) != Gst.FlowReturn.OK:
                break
        source.emit("end-of-stream")
        units = []
        while True:
            sample = out.emit("pull-sample")
            if sample is None:
                break
            buffer = sample.get_buffer()
            index = len(units)
            at = index * Gst.SECOND // job["fps"]
            until = (index + 1) * Gst.SECOND // job["fps"]
            key = not buffer.has_flags(Gst.BufferFlags.DELTA_UNIT)
            units.append(Unit(buffer.extract_dup(0, buffer.get_size()), at, at, key, until - at))
        error = pipeline.get_bus().pop_filtered(Gst.MessageType.ERROR)
        if error:
            raise RuntimeError(error.parse_error()[0].message)
        if len(units) != job["frames"]:
            raise RuntimeError(f"{len(units)} units came of {job['frames']} pictures")
        with open(job["out"], "wb") as file:
            write_units(file, units)
        return {"ok": True, "bytes": sum(len(unit.data) for unit in units)}
    finally:
        pipeline.set_state(Gst.State.NULL)


def main():
    # Ctrl-C reaches the whole group of processes; who started this one ends its input.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for line in iter(sys.stdin.buffer.readline, b""):
        try:
            answer = encode(json.loads(line))
        except EOFError:
            return
        except Exception as error:
            answer = {"ok": False, "message": str(error), "errno": getattr(error, "errno", None)}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
        if not answer["ok"]:
            # What is left of the job's pictures is no job.
            return


main()
