"""The child process that reads strangers' bytes: `python -I -m daira_video.adapters.decoder`.

Nothing here runs inside the service. It is started by `daira_video.adapters.sandbox`, one process a job.
"""
