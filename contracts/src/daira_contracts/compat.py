"""What may change in a contract. Deploys are independent, so old and new readers and writers meet both ways.

The schemas are of a restricted language (see `contracts/tests/test_language.py`), which is why this is one
screen of rules and not a general JSON Schema comparison. What differs and is in no rule is refused as well.
"""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

Schema = dict[str, Any]

PROSE = frozenset({"title", "description", "$schema", "$id", "examples"})
LIMITS = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "pattern"}) | frozenset(
    {"minLength", "maxLength", "minItems", "maxItems", "multipleOf"}
)
NEXT_VERSION = "create the next version of the topic, write both, move the consumers, then set `sunset:` on this one"


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One difference between the base and now."""

    rule: str
    field: str
    detail: str
    allowed: bool
    fix: str = NEXT_VERSION


def compare(old: Schema, new: Schema) -> list[Change]:
    """Every difference between two schemas of one topic, classified. Empty when only prose differs."""
    return list(_Comparison(old, new).run())


class _Comparison:
    def __init__(self, old: Schema, new: Schema) -> None:
        self._old = old
        self._new = new
        self._seen: set[tuple[str, str]] = set()

    def run(self) -> Iterator[Change]:
        yield from self._node("", self._old, self._new)

    def _node(self, at: str, old: Schema, new: Schema) -> Iterator[Change]:
        if self._met_before(old, new):
            return
        old, new = self._resolved(old, self._old), self._resolved(new, self._new)
        kind_old, kind_new = shape(old), shape(new)
        if kind_old != kind_new:
            yield _retyped(at, kind_old, kind_new)
            return
        yield from _default(at, old, new)
        by_shape: dict[str, Callable[[str, Schema, Schema], Iterator[Change]]] = {
            "object": self._object,
            "array": self._array,
            "enum": _enum,
            "union": self._union,
        }
        compared = by_shape.get(kind_old, _scalar)
        yield from compared(at, old, new)
        yield from _limits(at, old, new)
        yield from _unclassified(at, old, new)

    def _met_before(self, old: Schema, new: Schema) -> bool:
        """A struct that contains itself is compared once."""
        if "$ref" not in old or "$ref" not in new:
            return False
        pair = (str(old["$ref"]), str(new["$ref"]))
        if pair in self._seen and old.get("default") == new.get("default"):
            return True
        self._seen.add(pair)
        return False

    @staticmethod
    def _resolved(node: Schema, document: Schema) -> Schema:
        if "$ref" not in node:
            return node
        target = document.get("$defs", {})[str(node["$ref"]).rpartition("/")[2]]
        return {**target, **{key: value for key, value in node.items() if key != "$ref"}}

    def _object(self, at: str, old: Schema, new: Schema) -> Iterator[Change]:
        before, after = old.get("properties", {}), new.get("properties", {})
        must_before, must_after = set(old.get("required", ())), set(new.get("required", ()))
        gone, added = before.keys() - after.keys(), after.keys() - before.keys()
        if renamed := _renamed(before, after, gone, added):
            yield Change(
                rule="renamed",
                field=_in(at, renamed[0]),
                detail=f"is called {renamed[1]} now: readers find nothing under the old name",
                allowed=False,
            )
            gone, added = gone - {renamed[0]}, added - {renamed[1]}
        for name in sorted(gone):
            hint = f"; {', '.join(sorted(added))} is new: a rename is a removal" if added else ""
            yield Change(rule="removed", field=_in(at, name), detail=f"is gone{hint}", allowed=False)
        for name in sorted(added):
            yield _added(_in(at, name), required=name in must_after)
        for name in sorted(before.keys() & after.keys()):
            if name in must_after - must_before:
                detail = "must be there now; messages already written lack it"
                yield Change(rule="made-required", field=_in(at, name), detail=detail, allowed=False)
            if name in must_before - must_after:
                detail = "has a default now; writers still always send it"
                yield Change(rule="gained-default", field=_in(at, name), detail=detail, allowed=True)
            yield from self._node(_in(at, name), before[name], after[name])

    def _array(self, at: str, old: Schema, new: Schema) -> Iterator[Change]:
        yield from self._node(f"{at}[]", old.get("items", {}), new.get("items", {}))

    def _union(self, at: str, old: Schema, new: Schema) -> Iterator[Change]:
        """The language knows one union: a type or null."""
        options = [[one for one in node["anyOf"] if one.get("type") != "null"] for node in (old, new)]
        if len(options[0]) == len(options[1]) == 1:
            yield from self._node(at, options[0][0], options[1][0])
        elif old["anyOf"] != new["anyOf"]:
            yield _retyped(at, "union", "another union")


def shape(node: Schema) -> str:
    """What a value is, coarsely: `object`, `array`, `enum`, `union`, or type and format of a scalar."""
    if "enum" in node:
        return "enum"
    if "anyOf" in node:
        return "union"
    kind = str(node.get("type", "any"))
    return f"{kind} ({node['format']})" if "format" in node else kind


def _in(at: str, name: str) -> str:
    return f"{at}.{name}" if at else name


def _retyped(at: str, old: str, new: str) -> Change:
    return Change(rule="retyped", field=at, detail=f"was {old}, is {new}", allowed=False)


def _renamed(before: Schema, after: Schema, gone: set[str], added: set[str]) -> tuple[str, str] | None:
    """One field gone, one new with the same content: the old name and the new."""
    if len(gone) != 1 or len(added) != 1:
        return None
    was, now = next(iter(gone)), next(iter(added))
    return (was, now) if _content(before[was]) == _content(after[now]) else None


def _content(node: Schema) -> Schema:
    return {key: value for key, value in node.items() if key not in PROSE}


def _added(field: str, *, required: bool) -> Change:
    if required:
        detail = "is new and has no default; messages already written lack it"
        fix = f"give it a default, or {NEXT_VERSION}"
        return Change(rule="new-required", field=field, detail=detail, allowed=False, fix=fix)
    return Change(rule="added", field=field, detail="is new, with a default", allowed=True)


def _enum(at: str, old: Schema, new: Schema) -> Iterator[Change]:
    before, after = set(old["enum"]), set(new["enum"])
    if gone := before - after:
        detail = f"no longer knows {', '.join(sorted(gone))}"
        yield Change(rule="narrowed", field=at, detail=detail, allowed=False)
    if added := after - before:
        is_open = "UNKNOWN" in before
        detail = f"also knows {', '.join(sorted(added))}"
        if not is_open:
            detail += "; its old readers have no UNKNOWN to read that as"
        yield Change(rule="new-member", field=at, detail=detail, allowed=is_open)


def _scalar(at: str, old: Schema, new: Schema) -> Iterator[Change]:
    return iter(())


def _default(at: str, old: Schema, new: Schema) -> Iterator[Change]:
    if "default" in old and "default" in new and old["default"] != new["default"]:
        detail = f"default was {old['default']!r}, is {new['default']!r}: old messages would change their meaning"
        fix = f"keep the default, or {NEXT_VERSION}"
        yield Change(rule="default-changed", field=at, detail=detail, allowed=False, fix=fix)


def _limits(at: str, old: Schema, new: Schema) -> Iterator[Change]:
    for limit in sorted(LIMITS):
        if old.get(limit) != new.get(limit):
            detail = f"{limit} was {old.get(limit)}, is {new.get(limit)}"
            yield Change(rule="limit-changed", field=at, detail=detail, allowed=False)


KNOWN = PROSE | LIMITS | {"type", "format", "enum", "anyOf", "items", "properties", "required", "default", "$defs"}


def _unclassified(at: str, old: Schema, new: Schema) -> Iterator[Change]:
    for keyword in sorted((old.keys() | new.keys()) - KNOWN):
        if old.get(keyword) != new.get(keyword):
            detail = f"{keyword} differs and no rule says what that means"
            fix = "add a rule to daira_contracts/compat.py with its reason"
            yield Change(rule="unclassified", field=at, detail=detail, allowed=False, fix=fix)
