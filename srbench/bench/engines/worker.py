"""A worker: a process that carries out tasks one by one, until its pipe closes. Here runs what may crash."""

from __future__ import annotations

import contextlib
import sys
from multiprocessing.connection import Connection

from srbench.bench.task import Failure
from srbench.bench.workbench import Setting
from srbench.errors import SrbenchError
from srbench.isolation.settle import die_with_parent, lead_own_group, print_to


def serve(setting: Setting, tasks: Connection, output: Connection) -> None:
    """The life of a worker.

    Args:
        setting: what tasks need.
        tasks: brings them; events and outcomes go back.
        output: gets all that is printed here.
    """
    try:
        print_to(output)
        lead_own_group()
        die_with_parent()
        try:
            workbench = setting.workbench()
        except SrbenchError as error:  # a plugin that was edited meanwhile
            while True:
                tasks.recv()
                tasks.send(Failure.of(error))
        with contextlib.closing(workbench):
            while True:
                tasks.send(workbench.carry_out(tasks.recv(), tasks.send))
                sys.stdout.flush()
    except (EOFError, BrokenPipeError, ConnectionResetError, KeyboardInterrupt):
        return  # the run is over, or gone
