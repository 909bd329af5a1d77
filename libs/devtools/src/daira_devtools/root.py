"""Where the checkout is."""

from pathlib import Path


def checkout_root() -> Path:
    """The root of the checkout this package is installed from (editable), or the one around the working directory.

    Raises `FileNotFoundError` outside a checkout.
    """
    for start in (Path(__file__).resolve(), Path.cwd()):
        for folder in start.parents if start.is_file() else (start, *start.parents):
            if (folder / "contracts" / "topics").is_dir() and (folder / "services").is_dir():
                return folder
    raise FileNotFoundError("not inside a DAIRA checkout")
