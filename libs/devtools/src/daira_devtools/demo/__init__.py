"""The main job on a real video, through the gateway only: what `make demo` shows and the integration tests walk."""
