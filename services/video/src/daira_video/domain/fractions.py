"""Exact rates and times as text: "30000/1001" survives JSON, 29.97 does not."""

from fractions import Fraction


def write_fraction(value: object) -> object:
    """msgspec's enc_hook."""
    if isinstance(value, Fraction):
        return str(value)
    raise TypeError(f"no way to write a {type(value)}")


def read_fraction(type_: type, value: object) -> object:
    """msgspec's dec_hook."""
    if type_ is Fraction:
        return Fraction(str(value))
    raise TypeError(f"no way to read a {type_}")
