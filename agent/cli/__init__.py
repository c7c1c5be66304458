"""The command line: a client of the running service, and the way to start it (`modality-agent …`)."""

from agent.cli import acceptance as _acceptance  # noqa: F401 - adds its commands
from agent.cli import appliance as _appliance  # noqa: F401 - adds its commands
from agent.cli import setup as _setup  # noqa: F401 - adds its commands
from agent.cli import update as _update  # noqa: F401 - adds its commands
from agent.cli.main import main

__all__ = ["main"]
