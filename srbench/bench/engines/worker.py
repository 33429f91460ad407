"""A worker process: executes tasks one by one until its pipe closes."""

from __future__ import annotations

import contextlib
import sys
from multiprocessing.connection import Connection

from srbench.bench.task import Failure
from srbench.bench.workbench import Setting
from srbench.errors import SrbenchError
from srbench.isolation.settle import die_with_parent, lead_own_group, print_to


def work(setting: Setting, tasks: Connection, output: Connection) -> None:
    """Run a worker.

    Args:
        setting: what tasks need.
        tasks: receives tasks; sends events and outcomes.
        output: receives everything that is printed.
    """
    try:
        print_to(output)
        lead_own_group()
        die_with_parent()
        try:
            workbench = setting.workbench()
        except SrbenchError as error:  # for example a plugin that was edited meanwhile
            while True:
                tasks.recv()
                tasks.send(Failure.of(error))
        with contextlib.closing(workbench):
            while True:
                tasks.send(workbench.carry_out(tasks.recv(), tasks.send))
                sys.stdout.flush()
    except (EOFError, BrokenPipeError, ConnectionResetError, KeyboardInterrupt):
        return  # the run has ended or died
