"""What the processes of one run share."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from quarterdeck import gate
from quarterdeck.board import Board
from quarterdeck.context import Run
from quarterdeck.gate import Gate, RunCancelled


def test_steps_are_numbered_once_whoever_asks() -> None:
    board = Board.made(steps=3)
    others = [Board(board.path) for _ in range(4)]
    with ThreadPoolExecutor(8) as pool:
        drawn = list(pool.map(lambda number: [board, *others][number % 5].next_index(), range(500)))
    assert sorted(number for number in drawn if number) == list(range(4, 504))
    board.close()
    assert not Path(board.path).exists()
    assert others[0].next_index() == 504


def test_a_forked_process_numbers_with_its_parent() -> None:
    board = Board.made(steps=0)
    child = os.fork()
    if not child:  # pragma: no cover - another process
        os._exit(0 if all(board.next_index() for _ in range(200)) else 1)
    drawn = [board.next_index() for _ in range(200)]
    assert os.waitpid(child, 0)[1] == 0
    assert len(set(drawn)) == 200
    assert board.next_index() == 401
    board.close()
    assert not Path(board.path).exists()


def test_the_word_of_the_leader_reaches_who_follows_and_who_stands_is_seen() -> None:
    run, elsewhere = Run("r", "p"), Run("r", "p", elsewhere=True)
    run.gate = leader = Gate()
    board = run.share()
    assert board is not None
    follower = Gate(Board(board.path))
    leader.obey("pause", run)
    assert (follower.paused, run.status) == (True, "running")

    with ThreadPoolExecutor(1) as pool:
        standing = pool.submit(follower.wait, elsewhere)
        while run.status == "running":
            leader.look_elsewhere(run)
        assert (run.status, standing.done()) == ("paused", False)
        leader.obey("resume", run)
        assert (run.status, standing.result(30)) == ("running", None)
    leader.obey("cancel", run)
    leader.obey("resume", run)  # too late
    with pytest.raises(RunCancelled, match="run r was cancelled"):
        follower.wait(elsewhere)
    run.unshare()


def test_who_follows_a_process_that_died_waits_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "_ORPHANED_S", 0.1)
    board = Board.made(steps=0)
    board.wanted = "pause"
    follower = Gate(Board(board.path))
    follower.wait(Run("r", "p", elsewhere=True))
    board.close()
