"""Every rule, in the order in which findings are explained."""

from daira_devtools.lint.rules import (
    broad_except,
    clock,
    contrib,
    environ,
    future_annotations,
    import_work,
    machine_path,
    room_imports,
    rooms,
    route,
    size,
    sql,
    unfinished,
)

ALL = (
    rooms.RULE,
    room_imports.RULE,
    environ.RULE,
    clock.RULE,
    sql.RULE,
    broad_except.RULE,
    import_work.RULE,
    route.RULE,
    size.RULE,
    future_annotations.RULE,
    contrib.RULE,
    machine_path.RULE,
    unfinished.RULE,
)
