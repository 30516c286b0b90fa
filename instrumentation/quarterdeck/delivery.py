"""Requests on their way to one target: sent by a thread of their own, kept on disk while the target does not take them.

Who hands requests over never waits for the network. A request is in memory until the target has it; as soon as the
target is away or slow, it is on disk, from where it is sent again, byte by byte the same, oldest first.
"""

import contextlib
import dataclasses
import random
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from quarterdeck.answers import Answer, Transport, inherited
from quarterdeck.disk_buffer import DiskBuffer, Request
from quarterdeck.export import HELD_BYTES, REFUSED_EXIT_S
from quarterdeck.forks import MAKING
from quarterdeck.guard import guarded
from quarterdeck.health import Health
from quarterdeck.old_buffers import forget_the_old

_SLOW_S: Final = 1.0
"""A target that has not answered for so long counts as away for what comes after."""
_MEMORY_BYTES: Final = 16_000_000
"""What waits in memory beyond this goes to disk, where there is one."""
_FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 5.0
_LONGEST_WISH_S: Final = 60.0
_LOOK_AROUND_S: Final = 30.0
"""How often a process looks whether another one has died and left something behind."""


class Delivery:
    """What is on its way to one target.

    Args:
        signal: name of what is sent, for the health of the endpoint.
        make: makes the way to the target when the first request is sent.
        timeout_s: seconds that one request may take.
        health: who tells the user about outages.
        halves: divides a request that is too large; gives nothing where that is impossible.
        disk: where requests wait that the target does not take; None: in memory.
    """

    def __init__(
        self,
        signal: str,
        make: Callable[[], Transport],
        timeout_s: float,
        health: Health,
        *,
        halves: Callable[[Request], list[Request]],
        disk: DiskBuffer | None = None,
    ) -> None:
        self._signal = signal
        self._make = make
        self._timeout_s = timeout_s
        self._halves = halves
        self.health = health
        self.disk = disk
        self._transport: Transport | None = None
        self._changed = threading.Condition()
        self._fresh: deque[Request] = deque()
        self._sending: Request | None = None
        self._began = 0.0
        self._look_at = 0.0
        self._not_before = 0.0
        self._failures = self._in_a_row = 0
        self._absent = self._lost = self._stopped = False
        self._thread: threading.Thread | None = None
        self.waiting_bytes = 0
        """Bytes in memory that wait."""
        self._start()

    def _start(self) -> None:
        thread = threading.Thread(target=self._work, name="quarterdeck-send", daemon=True)
        with contextlib.suppress(RuntimeError):  # at the very end of a program none can start: close keeps what waits
            thread.start()
            self._thread = thread

    def put(self, request: Request) -> None:
        """Take responsibility for a request."""
        with self._changed:
            if self._thread is None:
                self._start()
            on_disk = self.disk is not None and self._should_wait_on_disk() and self.disk.keep(request)
            if not on_disk:
                self._hold(request)
            self._changed.notify_all()

    def _should_wait_on_disk(self) -> bool:
        slow = self._sending is not None and time.monotonic() - self._began > _SLOW_S
        return self._in_a_row > 0 or slow or self._stopped or self.waiting_bytes > _MEMORY_BYTES

    def _hold(self, request: Request, *, first: bool = False) -> None:
        (self._fresh.appendleft if first else self._fresh.append)(request)
        self.waiting_bytes += len(request.body)
        while len(self._fresh) > 1 and self.waiting_bytes > HELD_BYTES:
            self.health.drop(self._take().items)

    def _take(self) -> Request:
        request = self._fresh.popleft()
        self.waiting_bytes -= len(request.body)
        return request

    def _work(self) -> None:
        if self.disk is not None:
            with guarded("tidy the buffer"):
                forget_the_old(self.disk.folder.parent)
        while not self._stopped:
            failed = True
            with guarded("deliver telemetry"):
                request = self._next()
                if request is not None:
                    self._send(request)
                failed = False
            if failed:
                time.sleep(_LONGEST_PAUSE_S)

    def _next(self) -> Request | None:
        """Wait for a request that is due; None at the end."""
        with self._changed:
            while not self._stopped:
                pause = self._not_before - time.monotonic()
                if pause <= 0:
                    if (request := self._oldest()) is not None:
                        self._sending, self._began = request, time.monotonic()
                        return request
                    pause = _LOOK_AROUND_S
                self._changed.wait(pause)
            return None

    def _oldest(self) -> Request | None:
        if self.disk is not None:
            if time.monotonic() >= self._look_at:
                self._look_at = time.monotonic() + _LOOK_AROUND_S
                self.disk.adopt()
            if (request := self.disk.oldest()) is not None:
                return request
        return self._take() if self._fresh else None

    def _send(self, request: Request) -> None:
        answer = Answer(reason="it could not be sent")
        try:
            with guarded("send telemetry"):
                answer = self._connected().send(request.body, self._timeout_s)
            if answer.unknown and self._signal != "spans":
                answer = dataclasses.replace(answer, final=True)  # a backend of traces, which knows no logs
            self.health.hear(self._signal, answer)
        finally:
            with self._changed:
                self._sending = None
                self._settle(request, answer)
                self._changed.notify_all()

    def _connected(self) -> Transport:
        if self._transport is None:
            with MAKING:
                self._transport = self._make()
        return self._transport

    def _settle(self, request: Request, answer: Answer) -> None:
        if not (answer.taken or answer.final):
            self._failed(request, answer)
            return
        self._in_a_row, self._not_before, self._absent = 0, 0.0, False
        parts: list[Request] = []
        with guarded("divide a request"):
            parts = self._halves(request) if answer.too_large else []
        for part in reversed(parts):
            if request.path is None or self.disk is None or not self.disk.keep(part):
                self._hold(part, first=True)
        if answer.final and not parts:
            self._lost = True
            self.health.refused(request.items, answer.reason)
        elif answer.rejected:
            self.health.refused(answer.rejected, answer.reason)
        if self.disk is not None:
            self.disk.remove(request)

    def _failed(self, request: Request, answer: Answer) -> None:
        self._failures += 1
        self._in_a_row += 1
        self._absent = answer.absent
        grown = _FIRST_PAUSE_S * 2.0 ** min(self._in_a_row - 1, 10)
        pause = max(min(grown, _LONGEST_PAUSE_S) * random.uniform(0.8, 1.2), answer.pause_s)  # noqa: S311 - no secret
        self._not_before = time.monotonic() + min(pause, _LONGEST_WISH_S)
        if request.path is None:
            self._hold(request, first=True)
        if self.disk is not None:
            self._shelve(self.disk)

    def _shelve(self, disk: DiskBuffer) -> None:
        while self._fresh and disk.keep(self._fresh[0]):
            self._take()

    def _is_idle(self) -> bool:
        return self._sending is None and not self._fresh and not self.disk

    def flush(self, timeout_s: float) -> bool:
        """Try to send everything at once.

        Args:
            timeout_s: seconds to wait at most.

        Returns:
            Whether the target has taken everything.
        """
        with self._changed:
            before, self._not_before = self._failures, 0.0
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._is_idle() or self._failures > before, timeout_s)
            taken = self._is_idle() and not self._lost
            self._lost = False
            return taken

    def close(self, timeout_s: float) -> None:
        """Send what is left and stop; what the target does not take in time is kept on disk.

        Args:
            timeout_s: seconds to wait at most; less where nobody listens.
        """
        with self._changed:
            before, self._not_before = self._failures, 0.0
            patience = REFUSED_EXIT_S if self._in_a_row else timeout_s
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._is_idle() or self._is_hopeless(before), patience)
            self._stopped = True
            self._changed.notify_all()
            self._keep_the_rest()
            if self.disk is not None:
                self.disk.release()
            if self._transport is not None and self._sending is None:
                self._transport.close()

    def _is_hopeless(self, failures_before: int) -> bool:
        on_disk = self.disk is not None and self.disk.works
        return self._failures > failures_before and (self._absent or on_disk)

    def _keep_the_rest(self) -> None:
        rest = [*([self._sending] if self._sending is not None else []), *self._fresh]
        lost = [request for request in rest if self.disk is None or not self.disk.keep(request)]
        self._fresh.clear()
        self.waiting_bytes = 0
        if lost:
            self.health.abandon(sum(request.items for request in lost))

    def after_fork(self) -> None:
        """Start afresh in a forked child: what waits is the parent's, as are its connections."""
        inherited.append(self._transport)
        self._transport = None
        self._changed = threading.Condition()
        self._fresh = deque()
        self._sending = self._thread = None
        self._in_a_row = self.waiting_bytes = 0
        self._not_before = self._look_at = 0.0
        self._lost = False
        self.health.after_fork()
        if self.disk is not None:
            self.disk.after_fork()
