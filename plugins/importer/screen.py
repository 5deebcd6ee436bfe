"""Show an import on the terminal: what is about to happen, how far it is, and how it ended."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import click

WIDTH = 30
SHOWN = 20
NOTHING = "nothing of it is imported; mend the record, or say --on-error skip"


class Screen:
    """The lines of one file. The bar stands on a terminal only."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._has_bar = False

    def show_plan(self, job: Mapping[str, Any]) -> None:
        """Show how the file will be read, before anything is written."""
        click.echo(f"{self._name}: format {job['format']}, on error {job['on_error']}")
        for target, column in job["map"].items():
            click.echo(f"  {target.partition('#')[0]:24} = {column}")

    def show(self, job: Mapping[str, Any]) -> None:
        """Draw the bar."""
        if not sys.stderr.isatty() or job["state"] in ("done", "failed"):
            return
        self._has_bar = True
        full = round(WIDTH * job["share"])
        rate = f"{job['rate']:,.0f} records/s" if job["rate"] else ""
        eta = f"{job['eta_s']:.0f} s left" if job["eta_s"] is not None else ""
        bar = f"{'#' * full}{'.' * (WIDTH - full)} {job['share']:4.0%}"
        click.echo(f"\r{job['state']:9} {bar} {job['records']:,} {rate} {eta}    ", nl=False, err=True)

    def end(self, job: Mapping[str, Any]) -> bool:
        """Say how it ended, with the records that were refused; return whether it went well."""
        self._leave_bar()
        for row in job["refusals"][:SHOWN]:
            place = f" {row['pointer']}" if row["pointer"] else ""
            click.echo(f"{self._name}:{row['line']}:{place} {row['detail']}", err=True)
        if (more := job["refused"] - min(SHOWN, len(job["refusals"]))) > 0:
            click.echo(f"{self._name}: {more} more records are refused", err=True)
        if job["state"] == "failed":
            is_refused = job["on_error"] == "stop" and job["refused"]
            self.fail(NOTHING if is_refused else job["detail"])
            return False
        verb = "would be imported" if job["dry_run"] else "imported"
        click.echo(f"{self._name}: {job['accepted']:,} {verb}, {job['refused']:,} refused")
        return not (job["dry_run"] and job["refused"])

    def fail(self, detail: str) -> None:
        """Say why nothing, or not all, was imported."""
        self._leave_bar()
        click.echo(f"{self._name}: {detail}", err=True)

    def _leave_bar(self) -> None:
        if self._has_bar:
            self._has_bar = False
            click.echo(err=True)
