"""What training shows: one line an epoch in a log, one bar on a terminal, nothing when silent."""

import io
import os
import pty
import subprocess
import sys

import numpy as np
import pytest

from diffkit import optim
from diffkit.train import fit


def train(**options: object) -> None:
    fit(lambda w: np.sum(w * w), np.ones(2), None, optim.SGD(0.1), epochs=3, **options)


def test_a_log_gets_one_line_an_epoch_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    train()
    out, err = capsys.readouterr()
    assert out == ""
    lines = err.splitlines()
    assert len(lines) == 3
    assert lines[0] == "epoch 1/3  loss 2  lr 0.1  grad_norm 2.828"
    assert lines[2].startswith("epoch 3/3  loss 0.8192")


def test_silence(capsys: pytest.CaptureFixture[str]) -> None:
    train(progress=False)
    assert capsys.readouterr() == ("", "")


def test_a_callbacks_number_is_shown_and_the_reason_to_stop(capsys: pytest.CaptureFixture[str]) -> None:
    train(progress="lines", callbacks=[lambda epoch: epoch.row.update(accuracy=0.5), lambda epoch: epoch.epoch == 2])
    lines = capsys.readouterr().err.splitlines()
    assert lines[1] == "epoch 2/3  loss 1.28  lr 0.1  grad_norm 2.263  accuracy 0.5"
    assert lines[2] == "stopped: callback"


def test_a_terminal_gets_a_bar() -> None:
    leader, follower = pty.openpty()
    code = ("import numpy as np\nfrom diffkit import optim, train\n"
            "train.fit(lambda w: np.sum(w * w), np.ones(2), None, optim.SGD(0.1), epochs=3)")
    process = subprocess.Popen([sys.executable, "-c", code], stderr=follower, stdout=follower,
                               env={**os.environ, "TERM": "xterm", "COLUMNS": "110"})
    os.close(follower)
    shown = io.BytesIO()
    try:
        while chunk := os.read(leader, 4096):
            shown.write(chunk)
    except OSError:  # the other end is closed
        pass
    os.close(leader)
    assert process.wait() == 0
    text = shown.getvalue().decode()
    assert "epoch 3/3" in text
    assert "loss 0.819 lr 0.1" in text
    assert "━" in text
