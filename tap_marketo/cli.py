"""The command line: its arguments. What they ask for is done by :mod:`tap_marketo.run`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from tap_marketo import __version__

# As shells report SIGINT.
_INTERRUPTED = 130
# What the command does instead of a sync; tap_marketo.run has a function of each name.
_ACTIONS = {
    ("-d", "--discover"): "write the catalog of all streams",
    ("--plan",): "show what a sync with this catalog and state would do now, without running it",
    ("--about",): "show version, capabilities, settings and streams",
    ("--test",): ("check whether a sync could run, of the selected streams if there is a catalog"),
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tap-marketo",
        description="Read a Marketo account and write it to stdout as Singer messages.",
        epilog="Settings, streams and state are described in the project's docs/.",
    )
    parser.add_argument("--version", action="version", version=f"tap-marketo {__version__}")
    parser.add_argument(
        "-c",
        "--config",
        metavar="FILE",
        action="append",
        default=[],
        help="a JSON file with settings, or ENV for the variables TAP_MARKETO_<SETTING> of the "
        "environment; may be given several times: the later one counts",
    )
    parser.add_argument(
        "-s", "--state", metavar="FILE", help="resume from the state of the last run"
    )
    parser.add_argument(
        "--catalog", metavar="FILE", help="sync the streams selected in this catalog"
    )
    parser.add_argument("-p", "--properties", metavar="FILE", help="old name of --catalog")
    actions = parser.add_mutually_exclusive_group()
    for options, what in _ACTIONS.items():
        name = options[-1].removeprefix("--")
        actions.add_argument(*options, action="store_const", dest="action", const=name, help=what)
    parser.set_defaults(action="sync")
    parser.add_argument(
        "--select",
        metavar="PATTERN",
        action="append",
        default=[],
        help="with --discover: select what matches, as leads.*, or leave it out, as '!*.email'; "
        "may be given several times",
    )
    parser.add_argument(
        "--format",
        choices=("text", "json", "markdown"),
        help="write --test, --plan or --about as text or json, and --about also as markdown",
    )
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tap and return its exit code, that of :func:`tap_marketo.run.run`."""
    try:
        return _main(arguments)
    except KeyboardInterrupt:
        # Before the run looks after signals: nothing has begun yet.
        return _INTERRUPTED


def _main(arguments: Sequence[str] | None) -> int:
    parser = _parser()
    args = parser.parse_args(arguments)
    if args.select and args.action != "discover":
        parser.error("--select goes with --discover")
    if args.select and all(pattern.startswith("!") for pattern in args.select):
        parser.error(
            "--select with exclusions alone selects nothing: add what to select, such as "
            "--select 'leads.*' or --select '*.*'"
        )
    if args.format and args.action in ("sync", "discover"):
        parser.error("--format goes with --about, --plan and --test")
    if args.format == "markdown" and args.action != "about":
        parser.error("--plan and --test are written as text or json")
    if not args.config and args.action != "about":
        parser.error("the following arguments are required: -c/--config")
    # Only now: --help and --version do without requests and singer, which take their time.
    from tap_marketo.run import Command, run  # noqa: PLC0415

    return run(
        Command(
            action=args.action,
            config=args.config,
            catalog=args.catalog or args.properties,
            state=args.state,
            select=args.select,
            form=args.format or "text",
        )
    )
