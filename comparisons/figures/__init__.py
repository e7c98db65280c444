"""The figures of the lecture notes, run again: each file prints its numbers beside reference numbers and draws.

    python -m comparisons.figures.learning_rates            prints the numbers
    python -m comparisons.figures.learning_rates out.png    and draws the picture (needs matplotlib)
"""
