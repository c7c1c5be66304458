"""`python -m agent.cli`: the same as the command `modality-agent`."""

from agent.cli.main import main

if __name__ == "__main__":
    main()
