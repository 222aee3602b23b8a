"""One run of the command, from its options to its exit code."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

from tap_marketo.commands import plan_page
from tap_marketo.commands.about import about
from tap_marketo.commands.check import check
from tap_marketo.commands.check_results import terminals_take_colour
from tap_marketo.commands.discovery import discover, select
from tap_marketo.commands.plan import make_plan
from tap_marketo.commands.sync import Sync
from tap_marketo.config import load_config
from tap_marketo.errors import (
    CatalogError,
    FailedStreamsError,
    QuotaError,
    StateError,
    TapError,
)
from tap_marketo.log import LOGGER, set_up_logging
from tap_marketo.protocol.catalog import CatalogEntry, load_catalog
from tap_marketo.protocol.messages import Output
from tap_marketo.protocol.pipe import Terminated
from tap_marketo.protocol.state import State
from tap_marketo.protocol.state_file import load_state
from tap_marketo.streams.account import Account


@dataclass(frozen=True, kw_only=True)
class Command:
    """What the command line asks for.

    Attributes:
        action: ``sync``, ``discover``, ``test``, ``plan`` or ``about``.
        config: paths of files with settings; ENV stands for the environment.
        catalog: its path; a sync and a plan need one, a test may have one.
        select: patterns of what discovery marks as selected; empty to mark nothing.
        form: of the pages of --about, --plan and --test: ``text``, ``json`` or ``markdown``.
    """

    action: str
    config: Sequence[str]
    catalog: str | None
    state: str | None
    select: Sequence[str]
    form: str


def run(command: Command) -> int:
    """Do what the command line asks for, and return the exit code.

    It is 0 if that is done, 128 + n if signal n ended it, else that of the :class:`TapError`.
    """
    with ExitStack() as at_end:
        try:
            set_up_logging()
            output = Output()
            output.pipe.catch_signals()
            if command.action == "sync":
                return _sync(command, output, at_end)
            return _ACTIONS[command.action](command, output)
        except Terminated as request:
            LOGGER.warning(
                "Stopped by %s. The next run resumes from the last STATE that was kept.", request
            )
            return request.exit_code
        except TapError as error:
            LOGGER.critical("%s", error)
            return error.exit_code
        except Exception:  # noqa: BLE001  the one place for what nobody foresaw
            LOGGER.critical("This is a fault of tap-marketo; please report it.", exc_info=True)
            return 1


def _about(command: Command, output: Output) -> int:
    output.page(about(command.form))
    return 0


def _discover(command: Command, output: Output) -> int:
    catalog = discover(Account(load_config(command.config)))
    if command.select:
        select(catalog, command.select)
    output.json(catalog)
    return 0


# How long --test waits for any one answer, in seconds, and how often it makes a call that fails.
_CHECK_TIMEOUT, _CHECK_TRIES = 30.0, 2


def _test(command: Command, output: Output) -> int:
    config = load_config(command.config)
    entries = load_catalog(command.catalog) if command.catalog else None
    hasty = replace(config, request_timeout=min(config.request_timeout, _CHECK_TIMEOUT))
    account = Account(hasty, tries=_CHECK_TRIES)
    found = check(account, entries, _state_to_check(command.state))
    if command.form == "json":
        output.json(found.as_json())
    else:
        output.page(found.text(output.pipe.is_terminal and terminals_take_colour()))
    return found.exit_code


def _state_to_check(path: str | None) -> State | StateError | None:
    try:
        return load_state(path) if path else None
    except StateError as error:
        return error


def _plan(command: Command, output: Output) -> int:
    account, state, entries = _inputs(command)
    with _quota_as(account.config.on_quota):
        plan = make_plan(account, state, entries)
        if command.form == "json":
            output.json(plan_page.as_json(plan))
        else:
            output.page(plan_page.page(plan))
        if plan.failed:
            raise FailedStreamsError(f"{plan.failed} All other streams are in the plan.")
    return 0


def _sync(command: Command, output: Output, at_end: ExitStack) -> int:
    account, state, entries = _inputs(command)
    with _quota_as(account.config.on_quota):
        sync = Sync(account, state, output)
        # Below the line that says why a run has ended.
        at_end.callback(sync.log_summary)
        sync.run(entries)
    return 0


def _inputs(command: Command) -> tuple[Account, State, Sequence[CatalogEntry]]:
    """Return the account, the state and the selected streams."""
    config = load_config(command.config)
    if not command.catalog:
        raise CatalogError(
            "A sync needs a catalog: make one with --discover --select 'leads.*', and give it with "
            "--catalog."
        )
    state = load_state(command.state)
    return Account(config), state, load_catalog(command.catalog)


@contextmanager
def _quota_as(on_quota: str) -> Iterator[None]:
    """Turn a spent allowance into a warning if the setting on_quota is "stop"."""
    try:
        yield
    except QuotaError as error:
        if on_quota == "fail":
            raise
        LOGGER.warning("%s", error)


_ACTIONS: Mapping[str, Callable[[Command, Output], int]] = {
    "about": _about,
    "discover": _discover,
    "plan": _plan,
    "test": _test,
}
