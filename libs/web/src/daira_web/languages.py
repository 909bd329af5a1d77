"""The language of an answer: Arabic or English, as Accept-Language weighs them (RFC 9110 section 12.5.4)."""

SPOKEN = ("ar", "en")


def wants_arabic(accept_language: str) -> bool:
    """True when Arabic is the heavier of the two. Equal weights: the first named. Neither named: English."""
    weights: dict[str, float] = {}
    for entry in accept_language.lower().split(","):
        tag, _, rest = entry.partition(";")
        name = tag.strip().partition("-")[0]
        if name in SPOKEN:
            weights[name] = max(weights.get(name, 0.0), _weight(rest))
    chosen = max(weights, key=lambda name: weights[name], default="en")  # dicts keep order: the first of equals
    return chosen == "ar" and weights["ar"] > 0


def _weight(parameters: str) -> float:
    """`q` of one entry, 1 when absent, 0 when it is no number from 0 to 1."""
    name, _, value = parameters.partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        weight = float(value)
    except ValueError:
        return 0.0
    return weight if 0 <= weight <= 1 else 0.0
