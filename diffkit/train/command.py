"""``diffkit train``: a network for a table, from the command line.

    diffkit train digits
    diffkit train data.csv --target species --hidden 64 32 --optimizer adam --schedule cosine

The rows are split 70 : 15 : 15 (stratified) into training, validation and test; inputs are
standardised by the training rows.  Training watches the validation loss, stops early and
keeps the best weights; the test rows are looked at once, at the end.  What is written: the
model (npz), the history (json) and, where matplotlib is installed, a picture of the curves.

Exit codes: 0 trained (also when stopped by Ctrl-C: the best weights are written), 2 it can't be done,
or the loss became infinite (what was last finite is written).
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

TRAINED, CANNOT = 0, 2

#: What --lr is for each optimizer unless it is given.
_RATES = {"adam": 1e-3, "adamw": 1e-3, "rmsprop": 1e-3, "adagrad": 1e-2, "sgd": 0.1, "momentum": 1e-2,
          "nesterov": 1e-2}
_SCHEDULES = ("constant", "cosine", "linear", "one_cycle", "plateau", "warmup_cosine")


def add_parser(commands: Any) -> None:
    """Add ``train`` to the command line's subparsers."""
    parts = (__doc__ or "").split("\n\n")
    parser = commands.add_parser("train", help="train a network on a table, or on one of scikit-learn's data sets",
                                 description=parts[2], epilog="examples:\n" + parts[1] + "\n\n" + parts[3],
                                 formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("data", metavar="DATA", help="a .csv file with a header line, or digits, iris, wine, breast_cancer, diabetes")
    add("--target", metavar="COLUMN", help="the column to learn (of a file)")
    add("--drop", nargs="+", default=[], metavar="COLUMN", help="columns to leave out")
    add("--category", nargs="+", default=[], metavar="COLUMN", help="columns of names that look like numbers")
    add("--task", choices=("auto", "classify", "regress"), default="auto",
        help="what the target is (default: classes for text and for few whole numbers)")
    add("--hidden", nargs="*", type=int, default=[64, 32], metavar="N",
        help="units of the hidden layers (default: 64 32)")
    add("--activation", default="relu", metavar="NAME", help="relu, tanh, gelu, silu, … (default: relu)")
    add("--optimizer", choices=sorted(_RATES), default="adam", help="default: adam")
    add("--lr", type=float, metavar="RATE", help="learning rate (default: 0.001 for adam, 0.1 for sgd, …)")
    add("--schedule", choices=_SCHEDULES, default="constant", help="how it changes (default: constant)")
    add("--epochs", type=int, default=100, metavar="N", help="at most (default: 100)")
    add("--batch-size", type=int, default=32, metavar="N", help="rows of a step (default: 32)")
    add("--patience", type=int, default=20, metavar="N",
        help="epochs without a lower validation loss before it stops (default: 20; 0: never)")
    add("--weight-decay", type=float, default=0.0, metavar="L", help="λ of (λ/2)·Σ‖W‖² (default: 0)")
    add("--dropout", type=float, default=0.0, metavar="P", help="share of hidden units switched off (default: 0)")
    add("--clip", type=float, metavar="NORM", help="bound of the gradient's norm")
    add("--seed", type=int, default=0, metavar="N", help="of split, weights and minibatches (default: 0)")
    add("--output", metavar="PREFIX", help="of the files to write (default: the data's name)")
    add("--quiet", action="store_true", help="no progress")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Train, print what came of it, write the files; returns the exit code."""
    from diffkit.errors import DiffkitError
    from diffkit.train.run_command import train_table

    try:
        for line in train_table(options):
            print(line, flush=True)
    except DiffkitError as error:
        beats = [f"diffkit: {error.what}"]
        beats += [f"  Probably wanted: {error.want}"] if error.want else []
        beats += [f"  Other causes: {error.causes}"] if error.causes else []
        print("\n".join(beats), file=sys.stderr)
        return CANNOT
    except BrokenPipeError:
        raise
    except OSError as error:
        print(f"diffkit: {error.filename}: {error.strerror}", file=sys.stderr)
        return CANNOT
    return TRAINED
