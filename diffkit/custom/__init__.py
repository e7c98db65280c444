"""Functions with derivatives of their own.

``custom_jvp`` and ``custom_vjp`` take a rule that the author states, ``checkpoint`` runs a
function again instead of remembering it, ``checkpointed_loop`` does so for a long recurrence,
``black_box`` differentiates by differences what no rule can reach, and ``implicit`` differentiates
the root that any solver found.
"""

from diffkit.custom.black_box import black_box
from diffkit.custom.checkpoint import checkpoint
from diffkit.custom.implicit import implicit
from diffkit.custom.loops import checkpointed_loop
from diffkit.custom.rules import custom_jvp, custom_vjp

__all__ = ["black_box", "checkpoint", "checkpointed_loop", "custom_jvp", "custom_vjp", "implicit"]
