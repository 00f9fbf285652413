"""Talks to an MCP server through the official SDK, as a plan on standard input says; prints what it saw as JSON.

Steps: ["tools"], ["resources"], ["templates"], ["ping"], ["level", NAME], ["read", URI], ["call", TOOL, ARGUMENTS],
["cancel", TOOL, ARGUMENTS, BYTES]: a call that is cancelled once its progress has come to so many bytes.
"""

import json
import sys
import time

import anyio
import mcp.client.session as session_module
from mcp import ClientSession, McpError, StdioServerParameters, types
from mcp.client.stdio import stdio_client

ENDED_SECONDS_MAX = 30


def plain(model):
    return model.model_dump(mode="json", by_alias=True, exclude_none=True)


async def call(session, tool, arguments):
    seen = []

    async def progress(done, total, message):
        seen.append([done, total, message])

    result = await session.call_tool(tool, arguments, progress_callback=progress)
    return {**plain(result), "progress": seen}


async def delivering(session):
    status = await session.call_tool("sync_status", {})
    return status.structuredContent["worker"]["delivering"]


async def cancel(session, tool, arguments, enough):
    """Cancels it, and waits until nothing is delivered any more."""
    seen, cancelled = [], []

    async def progress(done, total, message):
        seen.append([done, total, message])
        if done >= enough and not cancelled:
            cancelled.append(time.monotonic())
            await session.send_notification(types.ClientNotification(types.CancelledNotification(
                params=types.CancelledNotificationParams(requestId=request, reason="the test has seen enough"))))

    request, answered = session._request_id, []     # the SDK tells nobody which id a request gets

    async def ask():
        try:
            answered.append(plain(await session.call_tool(tool, arguments, progress_callback=progress)))
        except McpError as why:
            answered.append(str(why))

    async with anyio.create_task_group() as group:
        group.start_soon(ask)
        with anyio.fail_after(ENDED_SECONDS_MAX):
            while not cancelled:
                await anyio.sleep(0.01)
            while await delivering(session):
                await anyio.sleep(0.01)
        ended = time.monotonic()
        group.cancel_scope.cancel()
    return {"progress": seen, "answered": answered, "ended_s": ended - cancelled[0]}


async def step(session, name, *rest):
    try:
        if name == "tools":
            return plain(await session.list_tools())
        if name == "resources":
            return plain(await session.list_resources())
        if name == "templates":
            return plain(await session.list_resource_templates())
        if name == "ping":
            return plain(await session.send_ping())
        if name == "level":
            return plain(await session.set_logging_level(rest[0]))
        if name == "read":
            return plain(await session.read_resource(rest[0]))
        return await {"call": call, "cancel": cancel}[name](session, *rest)
    except McpError as why:
        return {"code": why.error.code, "message": why.error.message}


async def main():
    plan = json.load(sys.stdin)
    session_module.types.LATEST_PROTOCOL_VERSION = plan["version"]
    server = StdioServerParameters(command=plan["command"][0], args=plan["command"][1:], env=plan["environment"],
                                   cwd=plan["cwd"])
    logged, seen = [], []

    async def log(params):
        logged.append(plain(params))

    async with stdio_client(server) as (read, write), ClientSession(read, write, logging_callback=log) as session:
        begun = plain(await session.initialize())
        for one in plan["steps"]:
            seen.append(await step(session, *one))
    print(json.dumps({"initialize": begun, "steps": seen, "logged": logged}))


anyio.run(main)
