"""
An RTSP server on loopback that plays files as a camera would. Reads its set-up as the first JSON line on
standard input and commands as further ones; writes JSON lines. Ends when standard input ends.
`server.ts` starts it and describes set-up and commands.
"""

import json
import os
import signal
import sys
import threading

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gio, GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402

Gst.init(None)
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from player import ClipPlayer, PaintingPlayer, PatternPlayer, UnitPlayer  # noqa: E402

# What a camera may send that is not H.264 video.
OTHER = {
    "mjpeg": "videotestsrc is-live=true ! video/x-raw,format=I420,width=320,height=240,framerate=5/1 ! jpegenc ! rtpjpegpay name=pay0 pt=26",
    "h265": "videotestsrc is-live=true ! video/x-raw,width=320,height=240,framerate=5/1 "
    "! x265enc tune=zerolatency speed-preset=ultrafast key-int-max=5 ! h265parse config-interval=-1 ! rtph265pay name=pay0 pt=96",
    "audio": "audiotestsrc is-live=true wave=silence ! alawenc ! rtppcmapay name=pay0 pt=8",
}
AUDIO_BESIDE = " audiotestsrc is-live=true wave=silence ! alawenc ! rtppcmapay name=pay1 pt=8"

say_lock = threading.Lock()


def say(**message):
    with say_lock:
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()


def player_for(stream, cache_dir):
    source = stream["source"]
    if source["kind"] == "pattern":
        return PatternPlayer(source)
    if source["kind"] == "clip":
        player = ClipPlayer(source)
    else:
        player = PaintingPlayer(source, cache_dir) if source.get("paint") else UnitPlayer(source, cache_dir)
    player.on_segment = lambda scene, segment, label: say(
        event="segment", path=stream["path"], scene=scene, segment=segment, label=label, atMs=GLib.get_real_time() // 1000
    )
    return player


def factory_for(stream, player):
    factory = GstRtspServer.RTSPMediaFactory()
    source = stream["source"]
    text = player.launch() if player else OTHER[source["kind"]]
    factory.set_launch(f"( {text}{AUDIO_BESIDE if source.get('audio') else ''} )")
    # Each client of a clip begins with a key picture of its own.
    factory.set_shared(source["kind"] != "clip")
    factory.set_latency(0)
    if player:

        def configure(_factory, media):
            appsrc = media.get_element().get_by_name("src")
            # Asked for from PLAYING on, when clock and base time are there.
            appsrc.connect("need-data", lambda *_: player.attach(appsrc))
            media.connect("unprepared", lambda *_: player.detach(appsrc))

        factory.connect("media-configure", configure)
    return factory


def protect(server, factories, auth_setup, tls):
    auth = GstRtspServer.RTSPAuth()
    if auth_setup:
        token = GstRtspServer.RTSPToken()
        token.set_string("media.factory.role", "viewer")
        user, password = auth_setup["user"], auth_setup["password"]
        if auth_setup.get("method") == "digest":
            auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
            auth.add_digest(user, password, token)
        else:
            auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
        for factory in factories:
            permissions = GstRtspServer.RTSPPermissions()
            permissions.add_permission_for_role("viewer", "media.factory.access", True)
            permissions.add_permission_for_role("viewer", "media.factory.construct", True)
            factory.set_permissions(permissions)
    else:
        token = GstRtspServer.RTSPToken()
        token.set_string("media.factory.role", "anonymous")
        auth.set_default_token(token)
        for factory in factories:
            permissions = GstRtspServer.RTSPPermissions()
            permissions.add_permission_for_role("anonymous", "media.factory.access", True)
            permissions.add_permission_for_role("anonymous", "media.factory.construct", True)
            factory.set_permissions(permissions)
    if tls:
        auth.set_tls_certificate(Gio.TlsCertificate.new_from_files(tls["certFile"], tls["keyFile"]))
    server.set_auth(auth)


def obey(server, players, command):
    """@returns what goes back beside `ok`."""
    what = command["cmd"]
    if what == "disconnect":
        server.client_filter(lambda _server, _client: GstRtspServer.RTSPFilterResult.REMOVE)
        return {}
    if what == "clients":
        return {"clients": len(server.client_filter(None) or [])}
    player = players[command["path"]]
    if what == "scene":
        if command["name"] not in player.scenes:
            raise KeyError(command["name"])
        player.next_scene = command["name"]
    elif what in ("freeze", "black", "pause", "moving"):
        attribute = {"freeze": "frozen", "black": "black", "pause": "paused", "moving": "moving"}[what]
        setattr(player, attribute, bool(command["on"]))
    elif what == "corrupt":
        player.corrupt = int(command["units"])
    else:
        raise ValueError(what)
    return {}


def main():
    # Ctrl-C reaches the whole group of processes; who started this one ends it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    setup = json.loads(sys.stdin.readline())
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(str(setup.get("port", 0)))
    players, factories = {}, []
    mounts = server.get_mount_points()
    for stream in setup["streams"]:
        player = None if stream["source"]["kind"] in OTHER else player_for(stream, setup["cacheDir"])
        factory = factory_for(stream, player)
        mounts.add_factory(stream["path"], factory)
        factories.append(factory)
        if player:
            players[stream["path"]] = player
    # Clips show one site at one time.
    clips = [player for player in players.values() if isinstance(player, ClipPlayer)]
    for player in clips:
        player.begin_with(clips[0])
    for player in players.values():
        player.start()
    if setup.get("auth") or setup.get("tls"):
        protect(server, factories, setup.get("auth"), setup.get("tls"))
    loop = GLib.MainLoop()
    if server.attach(None) == 0:
        say(event="failed", code="PORT_TAKEN", message="the port is taken")
        os._exit(1)
    say(event="ready", port=server.get_bound_port())

    def on_command(command):
        try:
            say(id=command["id"], ok=True, **obey(server, players, command))
        except Exception as error:  # answered, never fatal
            say(id=command["id"], ok=False, message=repr(error))
        return False

    def listen():
        for line in sys.stdin:
            GLib.idle_add(on_command, json.loads(line))
        os._exit(0)

    threading.Thread(target=listen, daemon=True).start()
    loop.run()


main()
