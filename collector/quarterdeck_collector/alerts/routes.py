"""Alerts over HTTP: how they stand, what can be watched, trying a rule on the past and a channel at once."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from quarterdeck_collector.alerts.backtest import MOST_DAYS, backtest
from quarterdeck_collector.alerts.channels import Channel, ChannelError
from quarterdeck_collector.alerts.ledger import Ledger
from quarterdeck_collector.alerts.measures import MEASURES
from quarterdeck_collector.alerts.messages import trial
from quarterdeck_collector.alerts.rules import RuleError, rule_of
from quarterdeck_collector.alerts.seal import SealError
from quarterdeck_collector.alerts.service import CHANNEL, Alerts
from quarterdeck_collector.receive import body as bodies
from quarterdeck_collector.receive.otlp import JSON
from quarterdeck_collector.refusals import StoreError
from quarterdeck_collector.saved import LARGEST_BYTES, ConflictError, SavedError
from quarterdeck_collector.saved_routes import expected
from quarterdeck_collector.threads import offload

router = APIRouter(prefix="/v1/alerts")

_STATUS: Final[dict[type[Exception], int]] = {
    RuleError: 400,
    ChannelError: 400,
    SavedError: 400,
    SealError: 409,
    ConflictError: 412,
    StoreError: 503,
}


@router.get("")
async def states(request: Request) -> Response:
    """Say how every rule stands, and what can be watched."""

    async def work() -> dict[str, Any]:
        collector = request.app.state.collector
        standings = await offload(Ledger(collector.store).standings)
        return {
            **asdict(_alerts(request).condition),
            "waiting": _alerts(request).waiting,
            "rules": [
                {
                    "id": each.rule_id,
                    "name": each.name,
                    "severity": each.severity,
                    "problem": each.problem,
                    "muted_until": each.muted_until,
                    **each.state.as_dict(),
                }
                for each in standings.values()
                if not each.removed
            ],
            "measures": {
                name: {
                    "title": each.title,
                    "unit": each.unit,
                    "scope": each.scope,
                    "of": each.of,
                    "period": each.period,
                    "kept": each.kept,
                }
                for name, each in MEASURES.items()
            },
        }

    return await _answered(work)


@router.post("/preview")
async def preview(request: Request) -> Response:
    """Say what a rule would have done in the last days."""

    async def work() -> dict[str, Any]:
        given = await _document(request)
        rule = rule_of(_object(given.get("rule"), "rule"))
        days = given.get("days", 7)
        if isinstance(days, bool) or not isinstance(days, int | float) or not 0 < days <= MOST_DAYS:
            raise RuleError(f"days: a number up to {MOST_DAYS}")
        alerts = _alerts(request)
        return asdict(await offload(backtest, alerts.reader, rule, alerts.now(), float(days)))

    return await _answered(work)


@router.post("/test")
async def test(request: Request) -> Response:
    """Send a message to a channel, saved or just entered, and say what became of it."""

    async def work() -> dict[str, Any]:
        given = await _document(request)
        alerts, channel_id = _alerts(request), str(given.get("id") or "")
        if "channel" in given:
            channel: Channel | None = await offload(alerts.entered, channel_id, _object(given["channel"], "channel"))
        else:
            channel = await offload(alerts.channel, channel_id)
        if channel is None:
            raise ChannelError(f"id: there is no channel {channel_id!r}")
        outcome = await alerts.sender.send(channel, trial(channel, alerts.now(), alerts.ui_url))
        return {"delivered": not outcome.reason, "reason": outcome.reason}

    return await _answered(work)


@router.put("/channels/{channel_id}")
async def put_channel(channel_id: str, request: Request) -> Response:
    """Seal what must not be read of a channel, and save it."""

    async def work() -> dict[str, Any]:
        given = await _document(request)
        alerts = _alerts(request)
        channel = await offload(alerts.entered, channel_id, given)
        saved = request.app.state.collector.saved
        version = await offload(saved.put, CHANNEL, channel_id, channel.sealed(alerts.seal), expected(request))
        return {"version": version}

    return await _answered(work)


async def _answered(work: Callable[[], Awaitable[dict[str, Any]]]) -> Response:
    try:
        return JSONResponse(await work())
    except _Refusal as refusal:
        return JSONResponse({"error": str(refusal)}, refusal.status)
    except tuple(_STATUS) as error:
        return JSONResponse({"error": str(error)}, _STATUS[type(error)])


class _Refusal(Exception):  # noqa: N818 - it is one
    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


async def _document(request: Request) -> dict[str, Any]:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != JSON:
        raise _Refusal(415, f"send {JSON}")  # a web page cannot send that without asking (CORS)
    try:
        raw = await bodies.read(request.stream(), LARGEST_BYTES, lambda _: None)
        return _object(json.loads(raw), "body")
    except bodies.BodyTooLargeError:
        raise _Refusal(413, f"a body may have {LARGEST_BYTES} bytes") from None
    except ValueError as error:
        raise _Refusal(400, f"the body is no JSON: {error}") from error


def _object(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _Refusal(400, f"{name}: send a JSON object")
    return value


def _alerts(request: Request) -> Alerts:
    alerts: Alerts = request.app.state.collector.alerts
    return alerts
