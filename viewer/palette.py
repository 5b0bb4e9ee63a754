"""Colours and patterns of answers on the map; they stay apart for the colour-blind and on a grey print.

What matters most differs in lightness and in pattern as well as in hue.
"""

from typing import Literal, NamedTuple

Colour = tuple[int, int, int]


class Look(NamedTuple):
    """How a segment of an answer is drawn; without colour and pattern as ever, while others step back."""

    colour: Colour | None
    pattern: Literal["solid", "dashed", "dotted"] | None = "solid"


# In the order of the legend.
LOOKS: dict[str, Look] = {
    "start": Look((255, 214, 10)),
    "reached": Look((36, 104, 242)),
    "told": Look((36, 104, 242)),
    "isolated": Look((205, 22, 38)),
    "dry": Look((250, 160, 30), "dashed"),
    "already_dry": Look((66, 72, 120), "dotted"),
    "regained": Look((0, 158, 160)),
    "only_together": Look((160, 50, 160), "dashed"),
    "near": Look(None, None),
    "space": Look((178, 104, 0)),
    "bridge": Look((205, 22, 38)),
    "another_way": Look((0, 150, 110), "dashed"),
    "overflow": Look((200, 60, 150), "dashed"),
    "dig_met": Look((205, 22, 38)),
    "dig_under": Look((36, 104, 242), "dashed"),
    "dig_beside": Look((250, 160, 30), "dashed"),
    "doubtful": Look((178, 104, 0), "dotted"),
}
# From nobody to everybody, ever darker: nothing hangs on it, then five classes (ColorBrewer's YlOrRd).
RAMP: tuple[Colour, ...] = (
    (176, 186, 198),
    (254, 217, 118),
    (253, 170, 70),
    (244, 96, 40),
    (200, 20, 30),
    (105, 0, 38),
)
