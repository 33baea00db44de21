"""Run it with the socket of a server that has the fixture methods and the bridge's built-in ones: client_test.py SOCKET"""

import asyncio
import sys
import threading

from armorclaw import AsyncClient, BridgeError, Client, ConnectionClosed, ServerNotTrusted

PATH = sys.argv[1]


def expect_error(code, action):
    try:
        action()
    except BridgeError as error:
        assert error.code == code, error.code
        return error
    raise AssertionError("No error came")


def blocking():
    with Client(PATH) as bridge:
        assert bridge.call("ping") == "pong"
        assert bridge.call("echo", {"text": "grüße \u2603 \n"}) == {"text": "grüße \u2603 \n"}
        assert bridge.call("big", [3_000_000]) == "x" * 3_000_000
        assert expect_error("METHOD_NOT_FOUND", lambda: bridge.call("nothing")).rpc_code == -32601
        assert expect_error("INVALID_PARAMS", lambda: bridge.call("subtract", {})).details["issues"]
        outcomes = bridge.batch([("ping", None), ("nothing", None), ("sum", [1, 2])])
        assert outcomes[0] == "pong" and outcomes[2] == 3 and outcomes[1].code == "METHOD_NOT_FOUND"
        assert len(list(bridge.stream("stream", {"count": 500, "bytes": 10}))) == 500
        for number, _ in enumerate(bridge.stream("stream", {"count": 100_000, "bytes": 10})):
            if number == 100:
                break
        assert bridge.call("ping") == "pong"
    try:
        bridge.call("ping")
    except OSError:
        pass
    else:
        raise AssertionError("A closed client calls")


def from_threads():
    results = []

    def work():
        with Client(PATH) as bridge:
            results.append([bridge.call("sum", [n, n]) for n in range(200)])

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [[2 * n for n in range(200)]] * 8


async def concurrent():
    async with await AsyncClient.connect(PATH) as bridge:
        sums = await asyncio.gather(*(bridge.call("sum", [n, 1]) for n in range(1_000)))
        assert sums == [n + 1 for n in range(1_000)]
        slow, quick = asyncio.ensure_future(bridge.call("slow", [60_000])), bridge.call("ping")
        assert await quick == "pong"
        slow.cancel()
        await asyncio.gather(slow, return_exceptions=True)
        try:
            await bridge.call("slow", [60_000], timeout=0.05)
        except asyncio.TimeoutError:
            pass
        count = 0
        async for item in bridge.stream("stream", {"count": 500, "bytes": 10}):
            assert item == "x" * 10
            count += 1
        assert count == 500
        pending = asyncio.ensure_future(bridge.call("slow", [60_000]))
        await asyncio.sleep(0)
    try:
        await pending
    except ConnectionClosed:
        pass


blocking()
from_threads()
asyncio.run(concurrent())
print("ok")
