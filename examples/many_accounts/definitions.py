"""Several Marketo subscriptions, each loaded every hour by Dagster: copy this and name your own.

Settings come from the environment: what is called ``MARKETO_<NAME>__<SETTING>`` there, the tap of
that subscription is given as ``TAP_MARKETO_<SETTING>``. No process is given those of another one.
"""

import logging
import os
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

import dagster as dg

# Their names, and when each is synced (UTC).
SUBSCRIPTIONS = {
    "emea": "5 * * * *",
    "americas": "35 * * * *",
}

# In it each subscription has a directory with catalog.json and target.json, which you put there,
# and state.json, which is kept here.
HOME = Path(os.environ.get("MARKETO_HOME", "marketo"))

# How often a sync that failed is tried again, each time from the state that it left, and how long
# Dagster waits before it: twice as long each time.
RETRIES = 3
RETRY_SECONDS = float(os.environ.get("MARKETO_RETRY_SECONDS", "60"))

# Exit codes of the tap after which another attempt would come to the same end, or is not wanted.
FINAL = {
    2: "its options, settings, catalog, state or credentials have to be changed first",
    3: "a daily allowance of Marketo is spent; a later schedule goes on from the state",
    130: "it was interrupted; the next schedule goes on from the state",
    143: "it was terminated; the next schedule goes on from the state",
}

UNDER_WAY = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def sync(name: str, context: dg.AssetExecutionContext) -> None:
    """Run tap | target once and keep the state.

    Raises:
        dagster.RetryRequested: one of the two failed; the same may succeed some minutes later.
        dagster.Failure: the tap said that it would not.
    """
    home = HOME / name
    common = {key: value for key, value in os.environ.items() if not key.startswith("MARKETO_")}
    prefix = f"MARKETO_{name.upper()}__"
    own = {
        f"TAP_MARKETO_{key.removeprefix(prefix)}": value
        for key, value in os.environ.items()
        if key.startswith(prefix)
    }
    source = ["tap-marketo", "--config", "ENV", "--catalog", "catalog.json"]
    if (home / "state.json").exists():
        source += ["--state", "state.json"]
    sink = ["target-jsonl", "--config", "target.json"]
    critical = [""]

    def keep(line: bytes) -> None:
        # A STATE from the target promises that all before it is loaded, whatever comes after it:
        # it is kept at once, and also when the tap fails. A target that is killed may leave half a
        # line.
        if line.endswith(b"\n"):
            new = home / "state.new"
            new.write_bytes(line)
            new.replace(home / "state.json")

    def tell(line: bytes) -> None:
        text = line.decode(errors="replace").rstrip()
        word, _, rest = text.partition(" ")
        if isinstance(level := logging.getLevelName(word), int):
            context.log.log(level, rest)
        else:
            context.log.info(text)
        if level == logging.CRITICAL:
            critical.append(rest)

    pipe = subprocess.PIPE
    with (
        subprocess.Popen(
            sink, cwd=home, env=common, stdin=pipe, stdout=pipe, stderr=pipe
        ) as target,
        subprocess.Popen(
            source, cwd=home, env=common | own, stdout=target.stdin, stderr=pipe
        ) as tap,
        ThreadPoolExecutor() as readers,
    ):
        # Now only the tap writes to the target, which ends when the tap does.
        _close(target.stdin)
        reading = [
            readers.submit(_follow, target.stdout, keep),
            readers.submit(_follow, target.stderr, tell),
            readers.submit(_follow, tap.stderr, tell),
        ]
        try:
            tap.wait()
            target.wait()
        except BaseException:
            # Dagster stops the run: so does the tap, and the target loads what it was given.
            tap.terminate()
            raise
    for done in reading:
        done.result()
    if tap.returncode == target.returncode == 0:
        return
    failure = dg.Failure(
        f"Subscription {name}: the tap ended with exit code {tap.returncode} "
        f"({FINAL.get(tap.returncode, 'see the log')}), the target with {target.returncode}. "
        + critical[-1],
        allow_retries=tap.returncode not in FINAL,
    )
    if not failure.allow_retries:
        raise failure
    # A RetryPolicy would say the same in fewer words, but Dagster asks it also when somebody ends
    # a run, and then starts the sync anew.
    wait = RETRY_SECONDS * 2**context.retry_number
    raise dg.RetryRequested(max_retries=RETRIES, seconds_to_wait=wait) from failure


def _follow(stream: IO[bytes] | None, take: Callable[[bytes], None]) -> None:
    """Take line after line. If that fails the pipe is closed, and nobody waits for its reader."""
    if stream:
        with stream:
            for line in stream:
                take(line)


def _close(stream: IO[bytes] | None) -> None:
    if stream:
        stream.close()


def subscription(name: str, cron: str) -> dg.Definitions:
    """Return what Dagster has to know of a subscription: an asset, a job, a schedule."""

    @dg.asset(name=f"marketo_{name}", pool=f"marketo_{name}")
    def marketo(context: dg.AssetExecutionContext) -> None:
        sync(name, context)

    job = dg.define_asset_job(
        f"sync_{name}",
        [marketo],
        executor_def=dg.in_process_executor,
        # Where an instance starts runs anew that failed: only those that crashed.
        tags={"dagster/retry_on_asset_or_op_failure": "false"},
    )

    @dg.schedule(
        name=f"hourly_{name}",
        cron_schedule=cron,
        job=job,
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )
    def hourly(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        # A first sync may take hours; what comes due meanwhile would only stand in line.
        if context.instance.get_runs_count(dg.RunsFilter(job_name=job.name, statuses=UNDER_WAY)):
            return dg.SkipReason(f"The last sync of {name} is still under way.")
        return dg.RunRequest()

    return dg.Definitions(assets=[marketo], jobs=[job], schedules=[hourly])


defs = dg.Definitions.merge(*(subscription(name, cron) for name, cron in SUBSCRIPTIONS.items()))
