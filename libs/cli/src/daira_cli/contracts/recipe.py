"""How to make a change that breaks readers all the same: the next version of the topic, step by step."""

from daira_contracts.compat import NEXT_VERSION, Change
from daira_contracts.topics import NAME, Topic

RECIPE = """\
How {old} becomes {new}; each step is a deploy of its own, and each can be undone:

1. contracts/src/daira_contracts/{module}.py: give {old_class} its old fields back. Beside it, with what you wanted:
       class {new_class}(Event, frozen=True, kw_only=True):
           topic: ClassVar[str] = "{new}"
   and name it in registry.py.
2. The new topic, heard by nobody yet:
       sed -e 's/^topic: .*/topic: {new}/' -e 's/^consumers: .*/consumers: []/' \\
           contracts/topics/{old}.yaml > contracts/topics/{new}.yaml
       mkdir -p contracts/examples/{new}
       cp contracts/examples/{old}/*.json contracts/examples/{new}/     # then write the new fields into them
       make contracts && daira contracts check && daira topics apply
3. Dual write ({producers}): wherever {old_class} is emitted, emit both in the same `work`:
       await work.emit({old_class}(…))
       await work.emit({new_class}(…))
   State has to be told once for every key, so that the new topic is whole: emit both for each row in a job.
4. Cut-over, one consumer after the other ({consumers}): replace on({old_class}, …) by on({new_class}, …) in
   handlers.py, move the name from `consumers:` of {old}.yaml to {new}.yaml, `make contracts`.
   Dumps of v{major} stay readable: an Upcast from {old} to {new} in upcasting.py.
5. Sunset, when `daira groups ls` shows no reader of {old}: write `sunset: YYYY-MM-DD` into {old}.yaml, stop emitting
   {old_class} by that day, and remove struct and file in a later change.
"""


def recipe(topic: Topic, class_name: str, module: str) -> str:
    """The recipe for one topic, with its names filled in; `class_name` is that of the present struct."""
    found = NAME.match(topic.topic)
    major = int(found["major"]) if found else 1
    stem = topic.topic.rpartition(".v")[0]
    return RECIPE.format(
        old=topic.topic,
        new=f"{stem}.v{major + 1}",
        major=major,
        module=module,
        old_class=class_name,
        new_class=f"{class_name.removesuffix(f'V{major}')}V{major + 1}",
        producers=", ".join(topic.producers),
        consumers=", ".join(topic.consumers) or "nobody yet",
    )


def needs_recipe(change: Change) -> bool:
    """True for what can only be done as another version of the topic."""
    return not change.allowed and NEXT_VERSION in change.fix
