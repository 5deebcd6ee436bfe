"""Run the command line as `python -m openmetrics`."""

from openmetrics.cli import main

main()
