"""The ArmorClaw bridge's client for Python 3.9 and later: one file that needs only the standard library.

    from armorclaw import Client
    with Client("/run/armorclaw/bridge.sock") as bridge:
        print(bridge.call("bridge.status"))
        for line in bridge.stream("agent.logs", {"agent_id": "heartbeat-1"}):
            print(line)
        for event in bridge.subscribe(["agent.>"]):
            print(event["type"])

    async with await AsyncClient.connect(path) as bridge:
        status, health = await asyncio.gather(bridge.call("bridge.status"), bridge.call("bridge.health"))

Without a path, the socket is ARMORCLAW_SOCKET, or the user's own, or the system's. A Client is for one thread at a time.
"""

import asyncio
import json
import os
import socket
import stat
import struct
import time
from collections import deque

__all__ = ["AsyncClient", "BridgeError", "Client", "ConnectionClosed", "ServerNotTrusted", "default_socket"]

LINE_BYTES_MAX = 32 * 1024 * 1024
CONNECT_SECONDS = 10
STREAM_CREDIT = 64
EVENTS_MAX = 10_000


class BridgeError(Exception):
    """An error answer. Switch on `code`, e.g. "AGENT_NOT_FOUND"."""

    def __init__(self, error):
        super().__init__(error.get("message", ""))
        data = error.get("data")
        data = data if isinstance(data, dict) else {}
        self.rpc_code = error.get("code")
        self.code = data.get("code", "UNKNOWN")
        self.retryable = data.get("retryable") is True
        self.remedy = data.get("remedy")
        self.details = data.get("details", {})
        self.correlation_id = data.get("correlation_id")


class ConnectionClosed(ConnectionError):
    """The connection ended. A call that was sent may have taken effect."""


def default_socket():
    """Returns the path of the socket that the command line in this shell would use."""
    named = os.environ.get("ARMORCLAW_SOCKET")
    if named:
        return named
    system = "/run/armorclaw/bridge.sock"
    directory = os.environ.get("ARMORCLAW_RUNTIME_DIR")
    if not directory:
        if os.getuid() == 0:
            return system
        runtime = os.environ.get("XDG_RUNTIME_DIR")
        state = os.environ.get("XDG_STATE_HOME") or os.path.join(os.path.expanduser("~"), ".local", "state")
        directory = os.path.join(runtime, "armorclaw") if runtime else os.path.join(state, "armorclaw", "run")
    own = os.path.join(directory, "bridge.sock")
    return own if os.path.exists(own) or os.environ.get("ARMORCLAW_RUNTIME_DIR") else system


def _line(method, params, request_id=None):
    message = {"jsonrpc": "2.0", "method": method, "params": {} if params is None else params}
    if request_id is not None:
        message["id"] = request_id
    return json.dumps(message, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode() + b"\n"


def _result(message):
    if "error" in message:
        raise BridgeError(message["error"])
    return message.get("result")


class ServerNotTrusted(OSError):
    """Somebody besides root and the bridge's user could serve the socket. Nothing was sent to it."""


def _trusted(server_uid):
    """The users who may serve the socket, or None where everybody may or users have no numbers."""
    if server_uid == "any" or not hasattr(os, "getuid"):
        return None
    return {0, os.getuid() if server_uid is None else server_uid}


def _check_path(path, trusted):
    """Raises ServerNotTrusted when somebody else owns, or may replace, anything on the path."""
    rest = [part for part in os.path.abspath(path).split("/") if part]
    at, links = "/", 0
    while True:
        found = os.lstat(at)
        why = None
        if found.st_uid not in trusted:
            why = f"user {found.st_uid} owns {at}"
        elif stat.S_ISDIR(found.st_mode) and not found.st_mode & stat.S_ISVTX:
            if found.st_mode & 0o002:
                why = f"every user may write {at}"
            elif found.st_mode & 0o020 and found.st_gid not in (0, os.getgid()):
                why = f"group {found.st_gid} may write {at}"
        elif stat.S_ISLNK(found.st_mode):
            links += 1
            if links > 40:
                why = "its path is a loop of symbolic links"
        if why:
            raise ServerNotTrusted(f"{path} was not connected to: {why}")
        if stat.S_ISLNK(found.st_mode):
            target = os.path.abspath(os.path.join(os.path.dirname(at), os.readlink(at)))
            rest = [part for part in target.split("/") if part] + rest
            at = "/"
        elif rest:
            at = os.path.join(at, rest.pop(0))
        else:
            return


def _check_peer(opened, path, trusted):
    """Asks the kernel who serves the socket, where it answers (Linux)."""
    option = getattr(socket, "SO_PEERCRED", None)
    if option is None:
        return
    _, uid, _ = struct.unpack("3i", opened.getsockopt(socket.SOL_SOCKET, option, struct.calcsize("3i")))
    if uid not in trusted:
        raise ServerNotTrusted(f"{path} was not connected to: user {uid} serves it")


def _open(path, timeout, server_uid=None):
    """Returns a connected socket. Retries until `timeout` while the bridge's backlog is full (EAGAIN)."""
    trusted = _trusted(server_uid)
    if trusted is not None:
        _check_path(path, trusted)
    opened = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    end = time.monotonic() + (CONNECT_SECONDS if timeout is None else timeout)
    try:
        opened.settimeout(timeout)
        while True:
            try:
                opened.connect(path)
                if trusted is not None:
                    _check_peer(opened, path, trusted)
                return opened
            except BlockingIOError:
                if time.monotonic() >= end:
                    raise
                time.sleep(0.01)
    except BaseException:
        opened.close()
        raise


class Client:
    """A blocking connection. `timeout` is the longest wait for one message, in seconds; None means no limit.

    `server_uid` is the user whose bridge is meant, besides root: this process's own when left out. A socket that somebody else
    could serve raises ServerNotTrusted; "any" checks nothing.
    """

    def __init__(self, path=None, timeout=30.0, server_uid=None):
        self._socket = _open(path or default_socket(), timeout, server_uid)
        self._partial = bytearray()
        self._lines = deque()
        self._last_id = 0
        self._events = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._socket.close()

    def call(self, method, params=None):
        """Calls a method. Raises BridgeError, ConnectionClosed or TimeoutError."""
        request_id = self._send(method, params)
        while True:
            message = self._next()
            if message.get("id") == request_id:
                return _result(message)
            self._keep(message)

    def notify(self, method, params=None):
        """Sends a notification, which has no answer."""
        self._socket.sendall(_line(method, params))

    def batch(self, calls):
        """Sends many calls, given as (method, params) pairs, in one batch. Returns results and BridgeErrors in their order."""
        ids, lines = [], []
        for method, params in calls:
            self._last_id += 1
            ids.append(self._last_id)
            lines.append(_line(method, params, self._last_id).rstrip(b"\n"))
        if not ids:
            return []
        self._socket.sendall(b"[" + b",".join(lines) + b"]\n")
        while True:
            message = self._next()
            if isinstance(message, list):
                answers = {answer.get("id"): answer for answer in message}
                return [self._outcome(answers.get(request_id)) for request_id in ids]
            if "error" in message and message.get("id") is None:
                raise BridgeError(message["error"])
            self._keep(message)

    def stream(self, method, params=None):
        """Yields the items of a streaming method. Closing the iteration early cancels the call."""
        request_id = self._send(method, params)
        taken, is_over = 0, False
        try:
            while True:
                message = self._next()
                if message.get("id") == request_id:
                    is_over = True
                    _result(message)
                    return
                item = message.get("params", {})
                if message.get("method") != "rpc.stream" or item.get("id") != request_id:
                    self._keep(message)
                    continue
                yield item["item"]
                taken += 1
                if taken == STREAM_CREDIT // 2:
                    self.notify("rpc.stream_credit", {"id": request_id, "n": taken})
                    taken = 0
        finally:
            if not is_over and self._socket.fileno() != -1:
                self.notify("rpc.cancel", {"id": request_id})

    def subscribe(self, channels, **params):
        """Yields events until the iteration is closed, which unsubscribes. The subscription exists when this returns."""
        answer = self.call("event.subscribe", {"channels": channels, **params})
        return self._pushed(answer["subscription_id"])

    def _pushed(self, subscription_id):
        waiting = self._events.setdefault(subscription_id, deque())
        try:
            while True:
                while waiting:
                    yield waiting.popleft()
                self._keep(self._next())
        finally:
            self._events.pop(subscription_id, None)
            if self._socket.fileno() != -1:
                self.notify("event.unsubscribe", {"subscription_id": subscription_id})

    def _keep(self, message):
        """Stores a message for another part of the program; answers to abandoned calls are dropped."""
        if isinstance(message, dict) and message.get("method") == "event.push":
            params = message["params"]
            waiting = self._events.setdefault(params["subscription_id"], deque())
            if len(waiting) >= EVENTS_MAX:
                raise BufferError("More than %d events wait to be read" % EVENTS_MAX)
            waiting.append(params["event"])
        elif isinstance(message, dict) and message.get("id") is None and "error" in message:
            raise BridgeError(message["error"])

    @staticmethod
    def _outcome(message):
        if message is None:
            return ConnectionClosed("The bridge did not answer this call")
        return BridgeError(message["error"]) if "error" in message else message.get("result")

    def _send(self, method, params):
        self._last_id += 1
        self._socket.sendall(_line(method, params, self._last_id))
        return self._last_id

    def _next(self):
        while not self._lines:
            chunk = self._socket.recv(65536)
            if not chunk:
                raise ConnectionClosed("The bridge closed the connection")
            searched = len(self._partial)
            self._partial += chunk
            if b"\n" in chunk:
                last = self._partial.rindex(b"\n", searched)
                self._lines.extend(self._partial[:last].split(b"\n"))
                del self._partial[: last + 1]
            if len(self._partial) > LINE_BYTES_MAX:
                raise ConnectionClosed("The bridge sent a line that is too long")
        return json.loads(self._lines.popleft())


class AsyncClient:
    """A connection for asyncio: any number of calls, streams and subscriptions at once."""

    def __init__(self, reader, writer):
        self._reader = reader
        self._writer = writer
        self._last_id = 0
        self._calls = {}
        self._streams = {}
        self._events = {}
        self._error = None
        self._task = asyncio.ensure_future(self._receive())

    @classmethod
    async def connect(cls, path=None, server_uid=None):
        opened = await asyncio.to_thread(_open, path or default_socket(), CONNECT_SECONDS, server_uid)
        opened.setblocking(False)
        reader, writer = await asyncio.open_unix_connection(sock=opened, limit=LINE_BYTES_MAX)
        return cls(reader, writer)

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        await self.close()

    async def close(self):
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except OSError:
            pass

    async def call(self, method, params=None, timeout=30.0):
        """Calls a method. Cancelling the task cancels the call."""
        request_id, answer = self._start(method, params)
        try:
            await self._writer.drain()
            return _result(await asyncio.wait_for(answer, timeout))
        except (asyncio.CancelledError, asyncio.TimeoutError):
            self._notify("rpc.cancel", {"id": request_id})
            raise
        finally:
            self._calls.pop(request_id, None)

    async def stream(self, method, params=None):
        """Yields the items of a streaming method. Closing the iteration early cancels the call."""
        items = asyncio.Queue()
        request_id, answer = self._start(method, params)
        self._streams[request_id] = items
        answer.add_done_callback(lambda _: items.put_nowait(answer))
        taken = 0
        try:
            while True:
                item = await items.get()
                if item is answer:
                    _result(answer.result())
                    return
                yield item[0]
                taken += 1
                if taken == STREAM_CREDIT // 2:
                    self._notify("rpc.stream_credit", {"id": request_id, "n": taken})
                    taken = 0
        finally:
            del self._streams[request_id]
            self._calls.pop(request_id, None)
            if not answer.done():
                answer.cancel()
                self._notify("rpc.cancel", {"id": request_id})

    async def subscribe(self, channels, **params):
        """Returns an async iterator of events; the subscription exists when it is returned. Closing the iterator unsubscribes."""
        answer = await self.call("event.subscribe", {"channels": channels, **params})
        return self._pushed(answer["subscription_id"])

    async def _pushed(self, subscription_id):
        waiting = self._events.setdefault(subscription_id, asyncio.Queue(EVENTS_MAX))
        try:
            while True:
                event = await waiting.get()
                if event is None:
                    raise ConnectionClosed("The connection ended") from self._error
                yield event
        finally:
            self._events.pop(subscription_id, None)
            self._notify("event.unsubscribe", {"subscription_id": subscription_id})

    def _start(self, method, params):
        if self._error is not None:
            raise ConnectionClosed("The connection has ended") from self._error
        self._last_id += 1
        line = _line(method, params, self._last_id)
        answer = asyncio.get_running_loop().create_future()
        self._calls[self._last_id] = answer
        self._writer.write(line)
        return self._last_id, answer

    def _notify(self, method, params):
        if not self._writer.is_closing():
            self._writer.write(_line(method, params))

    async def _receive(self):
        try:
            while True:
                line = await self._reader.readline()
                if not line.endswith(b"\n"):
                    raise ConnectionClosed("The bridge closed the connection")
                self._dispatch(json.loads(line))
        except Exception as error:
            self._error = error
        finally:
            error = self._error or ConnectionClosed("The client was closed")
            for answer in list(self._calls.values()):
                if not answer.done():
                    answer.set_exception(error)
            for waiting in self._events.values():
                if not waiting.full():
                    waiting.put_nowait(None)

    def _dispatch(self, message):
        method, params = message.get("method"), message.get("params")
        if method == "rpc.stream":
            items = self._streams.get(params["id"])
            if items is not None:
                items.put_nowait((params["item"],))
        elif method == "event.push":
            # Events that arrive before the answer to their subscription wait here.
            self._events.setdefault(params["subscription_id"], asyncio.Queue(EVENTS_MAX)).put_nowait(params["event"])
        elif message.get("id") is not None:
            answer = self._calls.get(message["id"])
            if answer is not None and not answer.done():
                answer.set_result(message)
        elif "error" in message:
            raise BridgeError(message["error"])
