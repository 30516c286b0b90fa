"""Whether the runner lives and works."""

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from quarterdeck_runner.routes.state import Runner

router = APIRouter(tags=["health"])


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """Say that the process lives."""
    return {"status": "ok"}


@router.get("/readyz")
async def readyz(runner: Runner) -> JSONResponse:
    """Say whether runs can be started."""
    try:
        await runner.engine.ping()
        database = {"ok": True, "reason": ""}
    except Exception as error:  # noqa: BLE001 - whatever keeps the database from answering is the answer
        database = {"ok": False, "reason": str(error)}
    # A folder that is missing or empty is no fault: pipelines may come at any time.
    checks = {"database": database, "pipelines": {"ok": True, "reason": runner.catalogue.hint}}
    status = "ok" if database["ok"] else "unavailable"
    return JSONResponse({"status": status, "checks": checks}, 200 if database["ok"] else 503)
