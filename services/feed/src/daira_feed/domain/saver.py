"""Data saver: what a video may cost on this connection."""

from daira_contracts.user import DataSaver

PRELOAD = 3
PRELOAD_SAVING = 1
_CELLULAR = "cellular"


def is_saving(setting: DataSaver, *, save_data: str | None, network: str | None) -> bool:
    """`save_data` is the Save-Data header, `network` what the client says about its connection."""
    if setting is DataSaver.ALWAYS or (save_data or "").strip().lower() == "on":
        return True
    return setting is DataSaver.CELLULAR and (network or "").strip().lower() == _CELLULAR
