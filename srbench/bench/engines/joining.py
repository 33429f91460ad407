"""Connecting to a Ray cluster: tokens, signals, and errors when there is no cluster."""

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
    """The authentication token in the environment of a connected run; :meth:`restore` resets the environment."""

    def __init__(self) -> None:
        self._before = {name: os.environ.get(name) for name in (MODE, TOKEN)}

    def create(self) -> None:
        """Make a token for a cluster that this run starts and ends.

        Ray itself would write one into the home folder, and every later cluster of this user would require it. An
        environment that sets RAY_AUTH_MODE is left as it is.
        """
        if MODE not in os.environ:
            os.environ[MODE] = "token"
            os.environ.setdefault(TOKEN, secrets.token_hex(32))
            _reload_token()

    def match(self, address: str) -> None:
        """Send a token to the cluster at an address if it requires one, and none otherwise.

        Ray sends one only if RAY_AUTH_MODE says so, although a cluster requires one if its home folder has one; and Ray
        tries for 20 seconds before it gives up.

        Raises:
            UsageError: the cluster requires another token.
        """
        modes = [os.environ[MODE]] if MODE in os.environ else ["disabled", "token"]
        for mode in modes:
            os.environ[MODE] = mode
            _reload_token()
            # without a token, mode "token" makes Ray's C++ code end the process
            if (mode != "token" or _has_token()) and not _is_refused(address):
                return
        raise UsageError(
            f"The Ray cluster at {address} wants a token that this run does not have: set {MODE}=token, and {TOKEN} or "
            "RAY_AUTH_TOKEN_PATH to the one that the cluster was started with."
        )

    def restore(self) -> None:
        """Reset the environment to what it was."""
        for name, value in self._before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        _reload_token()


def _reload_token() -> None:
    """Have Ray read the environment again: it caches what it has read."""
    raylet = import_module("ray._raylet")
    if hasattr(raylet, "AuthenticationTokenLoader"):  # older versions have no tokens
        raylet.Config.initialize("")
        raylet.AuthenticationTokenLoader.instance().reset_cache()


def _has_token() -> bool:
    raylet = import_module("ray._raylet")
    loader = getattr(raylet, "AuthenticationTokenLoader", None)
    return loader is not None and bool(loader.instance().has_token(ignore_auth_mode=True))


def _is_refused(address: str) -> bool:
    """Whether a cluster refuses this run for its token; False if that cannot be found out."""
    import ray
    from ray._private.services import canonicalize_bootstrap_address

    try:
        with _stderr_hidden():
            import_module("ray._raylet").GcsClient(address=canonicalize_bootstrap_address(address))
    except Exception as error:  # if there is no cluster, connecting to it will say so
        return isinstance(error, getattr(ray.exceptions, "AuthenticationError", ()))
    return False


@contextlib.contextmanager
def _stderr_hidden() -> Iterator[None]:
    """Hide what Ray's C++ code writes to stderr: there is no other way to silence it."""
    kept = os.dup(2)
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(null)


@contextlib.contextmanager
def cluster_errors() -> Iterator[None]:
    """Convert errors of Ray itself, as opposed to those of a task: the cluster's head is lost.

    Raises:
        ClusterLostError: for any of them.
    """
    from ray.exceptions import RayError

    try:
        yield
    except (RayError, ConnectionError) as error:
        raise ClusterLostError(f"The Ray cluster is gone ({type(error).__name__}); run again to go on.") from None


@contextlib.contextmanager
def keep_sigterm() -> Iterator[None]:
    """Keep this program's handler of SIGTERM, which Ray replaces when it connects."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def require_answer(address: str) -> None:
    """Require that something listens at an address: Ray itself would try for minutes and print dozens of lines.

    Raises:
        UsageError: nothing listens there.
    """
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdigit():  # `auto`, or another form that only Ray knows
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()
    except (OSError, OverflowError) as error:
        raise UsageError(f"There is no Ray cluster at {address} ({error}): check --address.") from None
