"""Who is to blame: readers of a recorded run that point at a line of the user's program.

``explain`` finds the operation that a NaN or an infinity comes from, ``kinks`` the points
at which the program has no derivative and diffkit answered by convention.
"""

from diffkit.blame.kinking import Kink, Kinks, kinks
from diffkit.blame.nonfinite import Explanation, explain

__all__ = ["Explanation", "Kink", "Kinks", "explain", "kinks"]
