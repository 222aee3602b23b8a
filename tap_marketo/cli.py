"""The command line: its arguments. What they ask for is done by :mod:`tap_marketo.run`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from tap_marketo import __version__

# As shells report SIGINT.
_INTERRUPTED = 130
_ACTIONS = ("discover", "test", "plan", "about")


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
        help="settings, a JSON file, or ENV: the environment's TAP_MARKETO_<SETTING>; of several "
        "the later one counts",
    )
    parser.add_argument(
        "-s", "--state", metavar="FILE", help="state of the last run: continue from there"
    )
    parser.add_argument(
        "--catalog", metavar="FILE", help="sync the streams selected in this catalog"
    )
    parser.add_argument("-p", "--properties", metavar="FILE", help="old name of --catalog")
    actions = parser.add_mutually_exclusive_group()
    actions.add_argument(
        "-d", "--discover", action="store_true", help="write the catalog of all streams"
    )
    actions.add_argument(
        "--plan",
        action="store_true",
        help="show what a sync with this catalog and state would do now, without running it",
    )
    actions.add_argument(
        "--about", action="store_true", help="show version, capabilities, settings and streams"
    )
    actions.add_argument(
        "--test",
        action="store_true",
        help="check whether a sync could run, of the selected streams if there is a catalog",
    )
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
        help="how --about, --plan and --test are written: text or json, --about also as markdown",
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
    if args.select and not args.discover:
        parser.error("--select goes with --discover")
    if args.select and all(pattern.startswith("!") for pattern in args.select):
        parser.error(
            "--select with exclusions alone selects nothing: add what to select, such as "
            "--select 'leads.*' or --select '*.*'"
        )
    if args.format and not (args.about or args.plan or args.test):
        parser.error("--format goes with --about, --plan and --test")
    if args.format == "markdown" and not args.about:
        parser.error("--plan and --test are written as text or json")
    if not args.config and not args.about:
        parser.error("the following arguments are required: -c/--config")
    # Only now: --help and --version do without requests and singer, which take their time.
    from tap_marketo.run import Command, run  # noqa: PLC0415

    return run(
        Command(
            action=next((name for name in _ACTIONS if getattr(args, name)), "sync"),
            config=args.config,
            catalog=args.catalog or args.properties,
            state=args.state,
            select=args.select,
            form=args.format or "text",
        )
    )
