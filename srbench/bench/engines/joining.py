"""How a run joins a Ray cluster: tokens, signals, and what is said when the cluster is not there."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import socket
import threading
from collections.abc import Iterator
from importlib import import_module

from srbench.errors import ClusterLostError, UsageError

MODE, TOKEN = "RAY_AUTH_MODE", "RAY_AUTH_TOKEN"


class Token:
    """What the environment says of tokens while a run is connected; :meth:`put_back` undoes it."""

    def __init__(self) -> None:
        self._before = {name: os.environ.get(name) for name in (MODE, TOKEN)}

    def of_its_own(self) -> None:
        """A cluster of the run's own has a token that ends with it.

        Ray itself would write one into the home folder, and every cluster that is started there later would want it
        from each of its users. Where Ray was told what to do about tokens, nothing is changed.
        """
        if MODE not in os.environ:
            os.environ[MODE] = "token"
            os.environ.setdefault(TOKEN, secrets.token_hex(32))
            _read_again()

    def agree(self, address: str) -> None:
        """Send a token to the cluster at an address if it wants one, and none if it does not.

        Ray sends one only where it is told to, although a cluster wants one as soon as there is one in the home folder
        that it was started from; and it asks for 20 seconds before it gives up.

        Raises:
            UsageError: the cluster wants another token.
        """
        modes = [os.environ[MODE]] if MODE in os.environ else ["disabled", "token"]
        for mode in modes:
            os.environ[MODE] = mode
            _read_again()
            # without one to send, Ray's C++ code ends the process
            if (mode != "token" or _there_is_one()) and not _is_refused(address):
                return
        raise UsageError(
            f"The Ray cluster at {address} wants a token that this run does not have: set {MODE}=token, and {TOKEN} or "
            "RAY_AUTH_TOKEN_PATH to the one that the cluster was started with."
        )

    def put_back(self) -> None:
        """The environment as it was."""
        for name, value in self._before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        _read_again()


def _read_again() -> None:
    """Ray keeps what it has read of the environment."""
    raylet = import_module("ray._raylet")
    if hasattr(raylet, "AuthenticationTokenLoader"):  # earlier ones know no tokens
        raylet.Config.initialize("")
        raylet.AuthenticationTokenLoader.instance().reset_cache()


def _there_is_one() -> bool:
    raylet = import_module("ray._raylet")
    loader = getattr(raylet, "AuthenticationTokenLoader", None)
    return loader is not None and bool(loader.instance().has_token(ignore_auth_mode=True))


def _is_refused(address: str) -> bool:
    """Whether a cluster turns this run away for want of its token; no where that cannot be found out."""
    import ray
    from ray._private.services import canonicalize_bootstrap_address

    try:
        with _unheard():
            import_module("ray._raylet").GcsClient(address=canonicalize_bootstrap_address(address))
    except Exception as error:  # if it is not there, say, connecting to it will tell
        return isinstance(error, getattr(ray.exceptions, "AuthenticationError", ()))
    return False


@contextlib.contextmanager
def _unheard() -> Iterator[None]:
    """Without what Ray's C++ code writes to stderr, of which there is no other way to be rid."""
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


@contextlib.contextmanager
def cluster_is_there() -> Iterator[None]:
    """What Ray raises of itself, and not of a task, says that its head is lost.

    Raises:
        ClusterLostError: it is.
    """
    from ray.exceptions import RayError

    try:
        yield
    except (RayError, ConnectionError) as error:
        raise ClusterLostError(f"The Ray cluster is gone ({type(error).__name__}); run again to go on.") from None


@contextlib.contextmanager
def own_signals() -> Iterator[None]:
    """Ray takes SIGTERM for itself as it connects: the run keeps its own way to end."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def require_answer(address: str) -> None:
    """Ask whether anything listens at an address: Ray itself would try for minutes, and say so in dozens of lines.

    Raises:
        UsageError: nothing does.
    """
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdigit():  # `auto`, or what Ray may make of it
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()
    except (OSError, OverflowError) as error:
        raise UsageError(f"There is no Ray cluster at {address} ({error}): check --address.") from None
