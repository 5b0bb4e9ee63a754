"""Words that are one slip of the finger away from each other."""


def is_one_slip(one: str, other: str) -> bool:
    """Whether one letter changed, missing, added, or two neighbours swapped make one word of the other."""
    if len(one) > len(other):
        one, other = other, one
    first = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), len(one))
    if len(one) < len(other):
        return one[first:] == other[first + 1 :]
    is_swap = one[first : first + 2] == other[first : first + 2][::-1] and one[first + 2 :] == other[first + 2 :]
    return one[first + 1 :] == other[first + 1 :] or is_swap
